/**
 * Every message of `carillon.1`, as types. PROTOCOL.md tells the same in prose and draws the exchanges; golden
 * vectors in `packages/protocol/vectors` hold samples that both sides read in their tests.
 *
 * Three families, told apart by their first field: a command has `cmd`, a reply has `re`, a push has `push`.
 * Receivers ignore fields and pushes that they do not know, so that old and new ends can meet.
 */

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** An opaque string of at most 96 bytes that names a place in a channel. Compare for equality only. */
export type Position = string;

/** Who published, amended or set: absent when the server itself did. */
export interface Publisher {
  /** Id of the authenticated user. */
  readonly user: string;
  /** Id of the SDK instance, stable across its reconnects. */
  readonly instance: string;
}

/**
 * The payload of an item, as it stands in the JSON head. Exactly one of the three is present: `data` for JSON, `bytes`
 * for binary (its length; the bytes themselves follow the head in a binary frame, in the order of the items), `erased`
 * for a payload that was blanked or has expired.
 */
export interface PayloadFields {
  readonly data?: Json;
  readonly bytes?: number;
  readonly erased?: true;
}

/** A publication of a log channel. */
export interface PublicationItem extends PayloadFields {
  /** Unique within its scope: channel and instance, or channel and server key. */
  readonly id: string;
  /** Store time in milliseconds since 1970. */
  readonly at: number;
  readonly publisher?: Publisher;
  readonly tags?: Readonly<Record<string, string>>;
  /** Bounded room for a trace context and the like; never shown to people. */
  readonly meta?: Readonly<Record<string, string>>;
  /** Store time after which the payload reads as erased. */
  readonly expires?: number;
  /** Version of the contract's schema that the data was written under; absent means 1. */
  readonly version?: number;
}

/** A change of an earlier publication: an edit (`data` or `bytes`) or an erasure (`erased`). */
export interface AmendItem extends PayloadFields {
  /** Id of the publication that changes. */
  readonly amend: string;
  /** Id of the amendment itself: its idempotency key. */
  readonly id: string;
  readonly at: number;
  readonly publisher?: Publisher;
}

/** An entry of a state channel got a value. */
export interface EntryItem extends PayloadFields {
  readonly key: string;
  /** Increases with every change in the channel; what `expect` compares. */
  readonly version: number;
  readonly at: number;
  /** The instance with which the entry ends; absent where entries are not owned. */
  readonly owner?: Publisher;
}

/** An entry of a state channel ended: removed, expired, or its owner left. */
export interface RemovalItem {
  readonly key: string;
  readonly version: number;
  readonly removed: true;
}

/** What a log push carries. */
export type LogItem = PublicationItem | AmendItem;
/** What a state push carries. */
export type StateItem = EntryItem | RemovalItem;
/** What a push of either kind carries. */
export type Item = LogItem | StateItem;

/** The two kinds of channel. */
export type ChannelKind = "log" | "state";

/**
 * Why a gap: `trimmed` by size or age; `epoch`, the channel began a new life (removed, or its store lost it);
 * `rollback`, the store is older than the position (P5); `unreadable`, the position is not one of ours.
 */
export type GapReason = "trimmed" | "epoch" | "rollback" | "unreadable";

// --- commands ---

/** The first command of a connection, alone in its message. Exactly one of `ticket` and `resume`. */
export interface ConnectCommand {
  readonly cmd: "connect";
  readonly id: number;
  readonly ticket?: string;
  readonly resume?: string;
  /** Version of the contract that the client was built with. */
  readonly contract?: number;
  /** Codec features that the client can take; the reply names those in force. */
  readonly features?: readonly string[];
  /** Name and version of the SDK, for the server's log. */
  readonly sdk?: string;
}

/** Prolongs the session with a new ticket of the same user, without dropping the connection. */
export interface RefreshCommand {
  readonly cmd: "refresh";
  readonly id: number;
  readonly ticket: string;
}

/** Subscribes, from `position` (recovery), from `history` publications back, or from now. */
export interface SubscribeCommand {
  readonly cmd: "subscribe";
  readonly id: number;
  readonly channel: string;
  readonly position?: Position;
  readonly history?: number;
}

/** Ends a subscription. Nothing of the channel follows its reply. */
export interface UnsubscribeCommand {
  readonly cmd: "unsubscribe";
  readonly id: number;
  readonly channel: string;
}

/** When a publish, amend, set or remove is sent again: what the first attempt was made under (P3). */
export interface Resend {
  /** `idempotency.epoch` of the connect reply in force at the first attempt. */
  readonly epoch: string;
  /** Store time of the first attempt, as the client estimates it, in milliseconds since 1970. */
  readonly at: number;
}

/** Appends to a log channel. */
export interface PublishCommand extends PayloadFields {
  readonly cmd: "publish";
  readonly id: number;
  readonly channel: string;
  /** The publication's id, chosen by the client: 1 to 64 printable ASCII characters. */
  readonly publication: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly meta?: Readonly<Record<string, string>>;
  /** Milliseconds after which the payload reads as erased. */
  readonly expiresInMs?: number;
  readonly resend?: Resend;
}

/** Replaces (`data`, `bytes`) or blanks (`erased`) a publication and tells every subscriber. */
export interface AmendCommand extends PayloadFields {
  readonly cmd: "amend";
  readonly id: number;
  readonly channel: string;
  /** Id of the publication that changes. */
  readonly publication: string;
  /** Id of the amendment, its idempotency key. */
  readonly amendment: string;
  readonly resend?: Resend;
}

/** Reads retained publications, newest page first: what stands before `before`, or the end of the log. */
export interface HistoryCommand {
  readonly cmd: "history";
  readonly id: number;
  readonly channel: string;
  readonly before?: Position;
  readonly limit: number;
}

/** Sets an entry of a state channel. */
export interface SetCommand extends PayloadFields {
  readonly cmd: "set";
  readonly id: number;
  readonly channel: string;
  /** Absent: the instance's own id, as presence and typing marks want it. */
  readonly key?: string;
  /** Compare-and-set: the version that the entry must have, 0 for none. */
  readonly expect?: number;
}

/** Removes an entry of a state channel. */
export interface RemoveCommand {
  readonly cmd: "remove";
  readonly id: number;
  readonly channel: string;
  readonly key?: string;
  readonly expect?: number;
}

/** Calls a procedure of the contract. */
export interface CallCommand {
  readonly cmd: "call";
  readonly id: number;
  readonly name: string;
  readonly input: Json;
}

/** Asks whether the other end is there: after a sleep, a change of network, a tab that comes to the front. */
export interface PingCommand {
  readonly cmd: "ping";
  readonly id: number;
}

/** Answers the connect reply and each heartbeat; gets no reply. The first one confirms the resume credential. */
export interface PongCommand {
  readonly cmd: "pong";
}

/** Commands that get exactly one reply. */
export type RepliedCommand =
  | ConnectCommand
  | RefreshCommand
  | SubscribeCommand
  | UnsubscribeCommand
  | PublishCommand
  | AmendCommand
  | HistoryCommand
  | SetCommand
  | RemoveCommand
  | CallCommand
  | PingCommand;
/** Everything that a client sends. */
export type Command = RepliedCommand | PongCommand;

// --- replies ---

/** What a failed command gets. */
export interface WireError {
  /** Stable, see codes.ts; an application's own codes contain a dot. */
  readonly code: string;
  /** What was expected, what came, what to do. */
  readonly message: string;
  /** True: the same command may succeed later, unchanged. */
  readonly retry: boolean;
  readonly retryAfterMs?: number;
  /** `conflict` alone: the version that the entry has, 0 for none. */
  readonly version?: number;
}

/** The reply to `connect`. */
export interface ConnectResult {
  /** Id of the session, for logs. */
  readonly session: string;
  /** The instance that this connection speaks for. */
  readonly instance: string;
  /** Id of the user that the ticket named. */
  readonly user: string;
  /** Single-use credential for coming back; absent if the server does not offer resumption. */
  readonly resume?: string;
  readonly features: readonly string[];
  readonly limits: {
    /** Largest message in bytes that the server takes. */
    readonly messageBytes: number;
    /** Most channels that a session may be subscribed to. */
    readonly channels: number;
    /** Most publications that one history reply carries. */
    readonly historyPage: number;
  };
  readonly idempotency: {
    /** A publication id is remembered for this long after its first attempt, in milliseconds. */
    readonly windowMs: number;
    /** Identity of the memory of ids. When it has changed, an attempted publish must not be sent again. */
    readonly epoch: string;
  };
  /** Store time in milliseconds since 1970: servers' own clocks may differ. */
  readonly time: number;
  /** A heartbeat comes at least this often, in milliseconds. */
  readonly heartbeatMs: number;
  /** The session ends after this many milliseconds unless it is refreshed; absent: no end. */
  readonly lifetimeMs?: number;
}

/** The reply to `refresh`. */
export interface RefreshResult {
  readonly lifetimeMs?: number;
}

/** The reply to `subscribe`. Pushes of the channel follow it, the first with `prev` equal to `pos`. */
export interface SubscribeResult {
  readonly channel: string;
  readonly kind: ChannelKind;
  /** Where delivery starts; null on a state channel whose snapshot comes from nothing. */
  readonly pos: Position | null;
  /** True: nothing is to be caught up. False: catching up follows, ended by a `live` push. */
  readonly live: boolean;
}

/** The reply to `publish` and `amend`: the same for every attempt with the same id. */
export interface PublishResult {
  readonly pos: Position;
  readonly at: number;
}

/** The reply to `set` and `remove`. */
export interface SetResult {
  readonly pos: Position;
  readonly version: number;
}

/** The reply to `history`. */
export interface HistoryResult {
  /** The position before the first item: `before` for the next page. */
  readonly prev: Position;
  /** The position after the last item. */
  readonly pos: Position;
  readonly items: readonly LogItem[];
  /** True: older publications are retained before `prev`. */
  readonly more: boolean;
}

/** The reply to `call`. */
export interface CallResult {
  readonly output: Json;
}

/** One reply a command. */
export type Reply =
  | { readonly re: number; readonly ok: Readonly<Record<string, unknown>> }
  | { readonly re: number; readonly error: WireError };

// --- pushes ---

/**
 * Publications or changes, identical bytes for everyone in a group. Take it only if `prev` equals your own position.
 * With `reset`, forget your position (it becomes null) and all entries first: a snapshot starts here (state channels
 * only). A snapshot of several pushes has `pos` null in all but the last, so half of one can't be resumed from.
 */
export interface ItemsPush {
  readonly push: "items";
  readonly channel: string;
  readonly prev: Position | null;
  readonly pos: Position | null;
  readonly items: readonly Item[];
  readonly reset?: true;
}

/** An announced discontinuity: what stood between `from` and `to` can't be had. Continue from `to`. */
export interface GapPush {
  readonly push: "gap";
  readonly channel: string;
  readonly from: Position;
  readonly to: Position;
  readonly reason: GapReason;
}

/** Catching up has ended at `pos`. */
export interface LivePush {
  readonly push: "live";
  readonly channel: string;
  readonly pos: Position;
}

/** The server subscribed this session; the rest as in the reply to `subscribe`. */
export interface SubscribedPush extends SubscribeResult {
  readonly push: "subscribed";
}

/** The server ended a subscription. With `retry`, the client may subscribe again. */
export interface UnsubscribedPush {
  readonly push: "unsubscribed";
  readonly channel: string;
  readonly code: string;
  readonly message: string;
  readonly retry: boolean;
}

/** The server is alive. */
export interface HeartbeatPush {
  readonly push: "heartbeat";
}

/** The node is leaving: reconnect after `delayMs`; it keeps serving until then. */
export interface DrainPush {
  readonly push: "drain";
  readonly delayMs: number;
}

/** Everything that a server sends unasked. */
export type Push = ItemsPush | GapPush | LivePush | SubscribedPush | UnsubscribedPush | HeartbeatPush | DrainPush;
/** Everything that a server sends. */
export type ServerMessage = Reply | Push;
