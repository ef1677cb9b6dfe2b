import type { ChannelKind, GapReason, Position, Publisher, Resend } from "@carillon/protocol";
import type { ChannelRecord, EntryRecord, Payload, PublicationRecord } from "./records.ts";

/**
 * The seam between a node and the store that its channels live in. Everything is callback style: the node is a
 * synchronous core, and a store in the same process answers within the call.
 */

/** How a channel behaves: the resolved options of its pattern. A store knows no contracts. */
export interface ChannelOptions {
  readonly kind: ChannelKind;
  /** Log: publications retained at most; 0 keeps none. */
  readonly historySize: number;
  /** Log: age in milliseconds after which a publication is no longer readable. */
  readonly historyTtlMs: number;
  /** State: an entry ends this long after it was last set; 0: never. */
  readonly ttlMs: number;
  /** State: entries end with the instance that set them. */
  readonly owned: boolean;
}

/** The end of an operation that failed. `code` is one of protocol's error codes. */
export interface Failure {
  readonly ok: false;
  readonly code:
    | "id_reused"
    | "unknown_publication"
    | "not_owner"
    | "conflict"
    | "wrong_kind"
    | "too_large"
    | "replaced"
    | StoreTrouble;
  readonly message: string;
  /** `conflict` alone: the version that the entry has, 0 for none. */
  readonly version?: number;
}

/** Failures of the store itself rather than of the request. */
export type StoreTrouble = "epoch_changed" | "out_of_order" | "overloaded" | "unavailable" | "timeout" | "internal";

/** What an idempotent append needs (P3). */
export interface Idempotency {
  /** `i:<instance>` for a client, `s:<key>` for the application. */
  readonly scope: string;
  /** Hash of everything that must be the same for a repetition to be one. */
  readonly fingerprint: string;
  /** Set when the client has attempted this before; the store refuses what it can't check (`epoch_changed`). */
  readonly resend: Resend | null;
}

/** The result of an append: the same for every attempt with the same id. */
export type AppendResult =
  | { readonly ok: true; readonly pos: Position; readonly at: number; readonly duplicate: boolean }
  | Failure;

/** One publish or amend. */
export interface AppendRequest {
  readonly channel: string;
  readonly options: ChannelOptions;
  /** Publication id, or amendment id: the idempotency key within its scope. */
  readonly id: string;
  readonly idempotency: Idempotency | null;
  readonly data: Payload;
  readonly publisher: Publisher | null;
  /** Set for an amendment: the publication to change, and the only user who may (null: anybody). */
  readonly amend: { readonly target: string; readonly onlyBy: string | null } | null;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly expiresInMs: number;
  readonly version: number;
  /** Called once, when the append is durable (P2) or has failed; possibly before `append` returns. */
  readonly done: (result: AppendResult) => void;
}

/** The result of a change of state. */
export type ApplyResult = { readonly ok: true; readonly pos: Position; readonly version: number } | Failure;

/** One change of a state channel. */
export interface ApplyRequest {
  readonly channel: string;
  readonly options: ChannelOptions;
  readonly change:
    | {
        readonly op: "set";
        readonly key: string;
        readonly data: Payload;
        readonly expect: number | null;
        /** Whose entry it becomes; null: nobody's. */
        readonly owner: Publisher | null;
        /**
         * The session that asks, as `formatHolder` writes it; null: none does, but the application. It speaks for the owner
         * from now on: a release by another session leaves the entry alone. Refused with `replaced` when a later session of the
         * same instance was the last to change the key, as far back as the journal goes.
         */
        readonly holder: string | null;
        /** Refuse with `not_owner` when the entry belongs to another instance. */
        readonly ownOnly: boolean;
        /**
         * Set again by the node, after {@link StoreSink.ownershipLost}: the version that it had. Done only if the key has no
         * entry, or has one that `holder` or an earlier session of its instance holds, and refused with `conflict` if anybody but the store itself has ended
         * it since, at a later version, in the hands of `holder` or of others: in a store that went back, an earlier end is of an
         * entry before, and one in the hands of an earlier session of the instance is not of this one. Its TTL goes on
         * if it is there.
         */
        readonly restores?: number;
      }
    | {
        readonly op: "remove";
        readonly key: string;
        readonly expect: number | null;
        /** The session that asks, and null, as for a set. */
        readonly holder: string | null;
        /** Refuse with `not_owner` unless the entry belongs to this instance; null: anybody may. */
        readonly onlyBy: string | null;
      }
    /** Ends every entry that `instance` owns and `holder` still holds: its session ended and did not come back. */
    | {
        readonly op: "release";
        readonly instance: string;
        readonly holder: string;
        /** The session's node fell silent: should it come back, the session may set again what ends by this. */
        readonly isReaping?: boolean;
      };
  readonly done: (result: ApplyResult) => void;
}

/** What page to read. */
export interface ReadRequest {
  readonly channel: string;
  readonly options: ChannelOptions;
  readonly after: Position;
  readonly bounds: PageBounds;
}

/** What part of the history to read. */
export interface HistoryRequest {
  readonly channel: string;
  readonly options: ChannelOptions;
  readonly before: Position | null;
  /** Publications at most. */
  readonly limit: number;
}

/** A contiguous page: the items between two positions. */
export interface Page {
  /** Position before the first item. */
  readonly prev: Position;
  /** Position after the last item. */
  readonly pos: Position;
  readonly records: readonly ChannelRecord[];
  /** True: `pos` was the channel's top when the page was read. */
  readonly atTop: boolean;
  /** Set when the page does not continue from the position asked for: what is missing, up to `prev`. */
  readonly gap: GapReason | null;
}

/** A page of publications, read backwards. */
export interface HistoryPage {
  readonly prev: Position;
  readonly pos: Position;
  readonly records: readonly PublicationRecord[];
  readonly more: boolean;
}

/** All entries of a state channel at one moment, oldest version first. */
export interface Snapshot {
  readonly pos: Position;
  readonly records: readonly EntryRecord[];
}

/** What a store answers: a value, or why not. */
export type Answer<T> = { readonly ok: true; readonly value: T } | Failure;

/** Receives what a store delivers to this node. */
export interface StoreSink {
  /**
   * Items of a channel in its order, once, after they are durable. Only for channels with an active subscription.
   * `prev` is the `pos` of the delivery before, unless something was lost in between.
   * The sink keeps `records`, which do not change afterwards.
   */
  deliver(channel: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void;
  /** Live delivery of the channel may have lost something: compare with the store (P6). */
  suspect(channel: string): void;
  /** The store lost touch, or found it again. */
  available(isAvailable: boolean): void;
  /**
   * What this node's living sessions own in state channels may have ended, or not be theirs any more: the node was silent
   * for so long that others took it for dead, or the store went back to an older state. Null: in any channel. The node
   * sets it again with `restores`. Told after the control messages that were missed, so that a session whose instance
   * is elsewhere by now has ended. A store that one node has to itself never tells it.
   */
  ownershipLost(channels: readonly string[] | null): void;
}

/** What a store can do beyond the minimum; a contract that needs what is absent is refused at start. */
export interface StoreCapabilities {
  /** Survives the death of the server process. */
  readonly durable: boolean;
  /** Several nodes may share it. */
  readonly distributed: boolean;
  /** Entries of state channels can have a TTL. */
  readonly entryTtl: boolean;
}

/**
 * Channels, kept and ordered. Guarantees, for each channel on its own:
 *
 * - `append` and `apply` order, keep and fan out as one act: what is delivered, in the order of delivery, is what
 *   `read` returns.
 * - Nothing is acknowledged, delivered or readable before it is durable (P2). A failed commit fails every append
 *   queued behind it.
 * - Requests of one batch, and batches of one node, keep their order. When an append fails in a way that invites a
 *   repetition, appends with the same channel and scope that were handed in after it, and before its failure was
 *   answered, fail with `out_of_order` (P2).
 * - Failures are values; no method throws and no callback may.
 */
export interface ChannelStore {
  readonly capabilities: StoreCapabilities;
  /** Identity of the memory of publication ids; changes when that memory is lost. */
  readonly idempotencyEpoch: string;
  /**
   * Starts live delivery. Answers with the channel's top once delivery is active; reads after that miss nothing. While
   * it is active already, only the answer is wanted, and nothing that is under way may be lost.
   */
  subscribe(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void;
  /** Ends live delivery. */
  unsubscribe(channel: string): void;
  /** Publishes and amends. */
  append(batch: readonly AppendRequest[]): void;
  /** Changes state. */
  apply(batch: readonly ApplyRequest[]): void;
  /**
   * The page after a position: of a log, or the latest changes of a state channel. Contiguous, or with a `gap`: in a
   * log the page then starts at the oldest place that can be had; in a state channel it is empty, take a snapshot.
   */
  read(request: ReadRequest, done: (answer: Answer<Page>) => void): void;
  /** Publications before a position, null for the top, in order; as they are now, amendments applied. */
  history(request: HistoryRequest, done: (answer: Answer<HistoryPage>) => void): void;
  /** All entries of a state channel. */
  snapshot(channel: string, options: ChannelOptions, done: (answer: Answer<Snapshot>) => void): void;
  /** Forgets everything in the channel and begins a new epoch. Subscribers get a gap. */
  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void;
  /** Stops timers and connections; nothing is delivered afterwards. */
  close(): void;
}

/** Bounds of a page; it holds at least one item where there is one. */
export interface PageBounds {
  readonly items: number;
  readonly bytes: number;
}
