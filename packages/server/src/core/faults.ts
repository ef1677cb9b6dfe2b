/**
 * Faults planted on purpose, for controls: a harness that finds nothing wrong with them can't be believed when it finds
 * nothing wrong without them. Empty in every build that serves; only `@carillon/server/testing` can set them.
 */
export type Fault =
  /** A repeated publication id is appended again (breaks P3). */
  | "no-dedup"
  /** A store answers an append before it is durable (breaks P2). */
  | "ack-before-append"
  /** A store delivers an append before it is durable (breaks P2). */
  | "visible-before-durable"
  /** A subscriber with an old position goes live without catching up (breaks P4). */
  | "no-catching-up"
  /** A page of catching up leaves its first item out (breaks P4). */
  | "hidden-hole"
  /** A position's tag is not compared with the log's (breaks P5). */
  | "no-tag-check"
  /** A store of many nodes does not look whether live delivery has lost something (breaks P6). */
  | "no-silence-watch"
  /** A store takes what an earlier session of an instance asked for, though a later one has changed the key since. */
  | "no-session-order"
  /** What living sessions own is not set again after the store has lost it (breaks presence). */
  | "no-restoring"
  /** An unsubscribe leaves its subscriber in the hub (breaks the zero-gauge rule). */
  | "leaky-unsubscribe";

/** The faults in force. */
export type Faults = ReadonlySet<Fault>;

/** None: what everything that serves runs with. */
export const NO_FAULTS: Faults = new Set();
