/** What a crowd process is started with. */
export interface CrowdConfig {
  /** Number of its first client; clients are named by their numbers. */
  readonly first: number;
  readonly count: number;
  /** Channels; a client follows the one of its number. */
  readonly channels: readonly string[];
  /** Of nodes. */
  readonly ports: readonly number[];
  /** The node that clients are taken to as long as it takes connections; null: any. */
  readonly preferred: number | null;
  /** True: each client enters the presence of its channel. */
  readonly areMembers: boolean;
  /** Between two publishes of one client; 0: it publishes nothing. */
  readonly publishMs: number;
  /** Clients of one channel, over all processes: they publish one after the other. */
  readonly perChannel: number;
  readonly seed: number;
}

/** What a crowd process is told. */
export type CrowdOrder =
  /** Connect, subscribe and enter, all; then report. */
  | { readonly order: "open" }
  | { readonly order: "publish" }
  /** Publish nothing more; report when every publish has an outcome. */
  | { readonly order: "settle" }
  /** Come to the end of these logs, and report how what was told compares with them. */
  | { readonly order: "judge"; readonly logs: Readonly<Record<string, readonly string[]>> };

/** What a crowd process says. */
export type CrowdReport =
  | { readonly report: "open" }
  | { readonly report: "settled"; readonly pending: number }
  | ({ readonly report: "judged" } & CrowdFindings);

/** What clients of a crowd have seen, as a whole. */
export interface CrowdFindings {
  readonly delivered: number;
  /** Stored and not delivered, or acknowledged and not stored; and gaps, which a log that retains everything has none of. */
  readonly lost: number;
  readonly repeated: number;
  readonly reordered: number;
  /** Sentences about these. */
  readonly examples: readonly string[];
  readonly published: number;
  readonly acknowledged: number;
  /** Publishes without a good outcome, by code. */
  readonly failed: Readonly<Record<string, number>>;
  readonly absences: readonly Absence[];
}

/** The time between the end of a connection and the next that was there. Times are of `Date.now()`. */
export interface Absence {
  readonly client: string;
  readonly code: number | undefined;
  readonly lostAt: number;
  /** The last delivery before. */
  readonly heardAt: number;
  backAt: number | null;
  /** The first delivery after it was back. */
  againAt: number | null;
  /** Connections that were tried until then. */
  attempts: number;
}
