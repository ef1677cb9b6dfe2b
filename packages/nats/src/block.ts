import type { Publisher } from "@carillon/protocol";
import type { LogRecord, Payload } from "@carillon/server/backplane";

/**
 * A block is one message of JetStream: what one node did to one channel at one time, in the order in which it was asked.
 * Blocks of a channel form a chain: each names the place where it begins, and is stored only if the block that it was
 * computed on is still the last one of the subject. So whoever reads the subject in order gets the same channel, and
 * every rule that was checked against it still holds.
 */

/** A stretch of a log: records with the place before the first, and what made their tags. */
export interface Segment {
  /** Of the block in which the records were first stored; part of their tags. */
  readonly nonce: string;
  /** Offset before the first record. */
  readonly offset: number;
  /** Tag before the first record. */
  readonly tag: string;
  readonly records: readonly StoredRecord[];
}

/** A record with what makes a repetition of it known. */
export interface StoredRecord {
  readonly record: LogRecord;
  readonly key: IdKey | null;
}

/** The idempotency key of a record, beside channel and id. */
export interface IdKey {
  readonly scope: string;
  readonly fingerprint: string;
}

/** A result that is remembered though its record is not retained. */
export interface RememberedId extends IdKey {
  readonly id: string;
  readonly pos: string;
  readonly at: number;
}

interface Common {
  readonly epoch: string;
  /** Tells this block from any other, of any node at any time. */
  readonly nonce: string;
  /** Nonce of the block before it; empty for the first. */
  readonly after: string;
  /** Store time. */
  readonly at: number;
  /** True: a life of the channel begins here, and what came before is gone. */
  readonly isBirth: boolean;
}

/** A block of a log. */
export interface LogBlock extends Common {
  readonly kind: "log";
  /** What is new; at the end of the chain. */
  readonly own: Segment;
  /** Older stretches that were stored elsewhere, without what was erased from them since. */
  readonly carried: readonly Segment[];
  /** Ids from before this life. */
  readonly ids: readonly RememberedId[];
}

/** An entry as it is stored. */
export interface StoredEntry {
  readonly key: string;
  readonly at: number;
  readonly data: Payload;
  readonly owner: Publisher | null;
  readonly holder: string | null;
  /** Node that speaks for the holder; when it is dead, the entry ends. */
  readonly node: string;
  /** Store time at which the entry ends; 0: never. */
  readonly ends: number;
}

/** One change of a state: an entry, or the end of one. */
export type StoredChange =
  | StoredEntry
  | {
      readonly key: string;
      readonly at: number;
      readonly isGone: true;
      /** The last session that had to do with it; absent: none. */
      readonly holder?: string;
      /** Nobody ended it but the store, for the silence of its node. */
      readonly isReaped?: boolean;
    };

/** An entry that goes on as it is, for longer or in other hands. */
export interface Refresh {
  readonly key: string;
  readonly holder: string | null;
  readonly node: string;
  readonly ends: number;
}

/** An entry with the version that it has. */
export interface CarriedEntry extends StoredEntry {
  readonly version: number;
}

/** A block of a state channel. */
export interface StateBlock extends Common {
  readonly kind: "state";
  /** Version before the first change. */
  readonly offset: number;
  /** Tag before the first change. */
  readonly tag: string;
  /** Take effect before the changes. */
  readonly refreshes: readonly Refresh[];
  readonly changes: readonly StoredChange[];
  /** Entries that were last stored in blocks which are about to go. */
  readonly carried: readonly CarriedEntry[];
}

export type Block = LogBlock | StateBlock;

/** True for the end of an entry. */
export function isGone(change: StoredChange): change is Extract<StoredChange, { isGone: true }> {
  return "isGone" in change;
}
