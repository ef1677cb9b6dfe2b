/**
 * The face of the SDK, as types: what an application sees of a client and its channels, typed by its contract. Types
 * are erased, so at run time one handle serves both kinds of channel.
 */
import type {
  CallInput,
  CallName,
  CallOutput,
  CallSpec,
  ChannelKind,
  ChannelSpec,
  Contract,
  LogSpec,
  NameIn,
  Params,
  PatternKey,
  PatternOf,
  PayloadInput,
  PayloadOutput,
  Position,
  PresenceInput,
  PresenceOutput,
  PublishResult,
  SetResult,
  SpecOf,
} from "@carillon/protocol";
import type { ConnectionState } from "./core/connection.ts";
import type { ListenerOptions, Removal } from "./core/emitter.ts";
import type { Change } from "./core/entries.ts";
import type { InstanceEvents } from "./core/instance.ts";
import type { Amendment, Entry, Publication, Tombstone } from "./core/items.ts";
import type { Gap, SubscribeOptions, SubscriptionChange, SubscriptionState } from "./core/subscription.ts";
import type { CarillonError } from "@carillon/protocol";

/** A publication that is stored. */
export interface Published extends PublishResult {
  /** Id of the publication, by which its echo can be known. */
  readonly id: string;
}

/** Settings of one publish. */
export interface PublishOptions {
  /** Id of the publication. Default: a random one. Publishing twice with one id lands once (within the window). */
  readonly id?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Room for a trace context and the like; never shown to people. */
  readonly meta?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds after which the data is gone. */
  readonly expiresInMs?: number | undefined;
  /** Gives the publish up if it was not sent yet; afterwards it has no effect. */
  readonly signal?: AbortSignal | undefined;
}

/** Settings of a call or another question. */
export interface AskOptions {
  /** Longest wait for the answer, and for a connection before it, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Stops waiting for the answer. */
  readonly signal?: AbortSignal | undefined;
}

/** Which page of history. */
export interface HistoryOptions extends AskOptions {
  /** Read what stands before this position: `prev` of a page. Default: the end of the log. */
  readonly before?: Position | undefined;
  /** Most publications. Default 100; the server may return fewer. */
  readonly limit?: number | undefined;
}

/** A page of history, oldest publication first. */
export interface HistoryPage<Data> {
  readonly items: readonly (Publication<Data> | Tombstone)[];
  /** The position before the first item: `before` for the next page. */
  readonly prev: Position;
  /** The position after the last item. */
  readonly pos: Position;
  /** True: there are older publications. */
  readonly more: boolean;
}

/** Settings of one set. */
export interface SetOptions extends AskOptions {
  /**
   * Compare-and-set: the version that the entry must have, 0 for none. Such a set is sent once, never again: without a
   * connection it waits for one as long as `timeoutMs` says, and ends as `uncertain` if the connection breaks.
   */
  readonly expect?: number | undefined;
  /** False: the entry is not set again after a reconnect. Default true. */
  readonly keep?: boolean | undefined;
}

/** What every channel tells. */
export interface ChannelEvents {
  /** The subscription's state has changed. */
  state: SubscriptionChange;
  /** The server refused or ended the subscription. */
  error: CarillonError;
  /** Catching up has ended: from here on, what comes is new. Carries the position. */
  live: Position | null;
}

/** What a log channel tells. */
export interface LogEvents<Data> extends ChannelEvents {
  /** A publication came. */
  publication: Publication<Data>;
  /** Instead of a publication that was erased or has expired. */
  tombstone: Tombstone;
  /** An earlier publication was changed or erased. */
  amend: Amendment<Data>;
  /** Publications are missing for good, and why. */
  gap: Gap;
}

/** What a state channel tells. */
export interface StateEvents<Value> extends ChannelEvents {
  /** Entries have changed; `entries` shows it already. */
  change: readonly Change<Value>[];
}

/** What both kinds of channel have. */
export interface ChannelBase {
  readonly name: string;
  readonly state: SubscriptionState;
  /** What the server says the channel is; null until it was subscribed once. */
  readonly kind: ChannelKind | null;
  /** The place up to which everything was delivered. Store it, and pass it to `subscribe` in another life of the page. */
  readonly position: Position | null;
  /** True while nothing is to be caught up. */
  readonly isLive: boolean;
  /**
   * Subscribes; resolves when the server has agreed, rejects with a {@link CarillonError} when it refuses. Listening or
   * iterating subscribes as well, at the end of the tick, so that options given in the same tick count.
   * Options are those of a subscription that begins; one that stands is not changed, except for `echo`.
   */
  subscribe(options?: SubscribeOptions): Promise<void>;
  /** Ends the subscription, and with it iterations; listeners stay. Forgets position and entries. */
  unsubscribe(): void;
}

/** A log channel: ordered publications. `for await` yields them, at most 1,000 behind, else it throws `overloaded`. */
export interface LogChannel<Input, Output, Members extends Presence<never, unknown> | undefined = undefined>
  extends ChannelBase, AsyncIterable<Publication<Output>> {
  /** Listens. Any event but `state` and `error` subscribes the channel. */
  on<K extends keyof LogEvents<Output>>(
    event: K,
    listener: (value: LogEvents<Output>[K]) => void,
    options?: ListenerOptions,
  ): Removal;
  /**
   * Publishes; resolves when the server has stored it. Without a connection it waits in the publish queue. Lands once
   * and in order; when that can't be known, rejects with `uncertain`.
   */
  publish(data: Input, options?: PublishOptions): Promise<Published>;
  /** Replaces the data of an earlier publication, for subscribers and in history. As safe as `publish`. */
  amend(id: string, data: Input, options?: Pick<PublishOptions, "signal">): Promise<PublishResult>;
  /** Blanks the data of an earlier publication, for subscribers and in history. As safe as `publish`. */
  erase(id: string, options?: Pick<PublishOptions, "signal">): Promise<PublishResult>;
  /** Reads a page of history, newest first. Needs no subscription. */
  history(options?: HistoryOptions): Promise<HistoryPage<Output>>;
  /** Who is here. Undefined in type where the contract gives the channel no presence; the server then refuses. */
  readonly presence: Members;
}

/** A state channel: keyed entries. `for await` yields lists of changes; a slow reader gets the latest of each key. */
export interface StateChannel<Input, Output> extends ChannelBase, AsyncIterable<readonly Change<Output>[]> {
  /** Listens. Any event but `state` and `error` subscribes the channel. */
  on<K extends keyof StateEvents<Output>>(
    event: K,
    listener: (value: StateEvents<Output>[K]) => void,
    options?: ListenerOptions,
  ): Removal;
  /** The entries by key, live. Empty unless subscribed. */
  readonly entries: ReadonlyMap<string, Entry<Output>>;
  /** The value of an entry. */
  get(key: string): Output | undefined;
  /**
   * Sets the instance's own entry, or that of `key` (null: the own one). Resolves when it is stored. Without a connection
   * it waits for one; a later set of the same key takes its place and settles it. After a reconnect the client sets its
   * own entry again by itself, and one of another key if it is subscribed and sees that the entry is its own.
   */
  set(value: Input): Promise<SetResult>;
  set(key: string | null, value: Input, options?: SetOptions): Promise<SetResult>;
  /** Removes the instance's own entry, or that of `key`. As `set` in every other respect. */
  remove(key?: string | null, options?: SetOptions): Promise<SetResult>;
}

/** Someone who is in a channel now: one for each instance. */
export interface Member<Info = unknown> {
  readonly instance: string;
  readonly user: string;
  readonly info: Info;
}

/** What presence tells. */
export interface PresenceEvents<Info> extends ChannelEvents {
  /** Someone came, went or changed. Carries all members. */
  change: readonly Member<Info>[];
  join: Member<Info>;
  leave: Member<Info>;
  update: Member<Info>;
}

/** Who is in a channel. */
export interface Presence<Input, Info> extends ChannelBase {
  /** Listens. Any event but `state` and `error` subscribes to the presence of the channel. */
  on<K extends keyof PresenceEvents<Info>>(
    event: K,
    listener: (value: PresenceEvents<Info>[K]) => void,
    options?: ListenerOptions,
  ): Removal;
  /** The members. Empty unless subscribed; the same array until something changes. */
  readonly members: readonly Member<Info>[];
  /** Becomes a member, and again after every reconnect by itself. */
  enter(info: Input): Promise<SetResult>;
  /** Changes what others see of this member. */
  update(info: Input): Promise<SetResult>;
  /** Is a member no longer. */
  leave(): Promise<SetResult>;
}

/** The channel that a spec describes. */
export type ChannelOf<S extends ChannelSpec> = S extends LogSpec
  ? LogChannel<PayloadInput<S>, PayloadOutput<S>, MembersOf<S>>
  : StateChannel<PayloadInput<S>, PayloadOutput<S>>;

type MembersOf<S extends LogSpec> = undefined extends S["presence"]
  ? undefined
  : Presence<PresenceInput<S>, PresenceOutput<S>>;

/** A channel of which no contract says anything. */
export type AnyChannel = LogChannel<unknown, unknown, Presence<unknown, unknown>> & StateChannel<unknown, unknown>;

/** True for a client without a contract. */
type IsUntyped<C extends Contract> = string extends PatternKey<C> ? true : false;

/** A client of contract `C`. */
export interface Client<C extends Contract = Contract> {
  readonly state: ConnectionState;
  /** Id of the user that the ticket named; null before the first connection. */
  readonly user: string | null;
  /** Id of the instance; null before the first connection. The same across reconnects, as far as the server can. */
  readonly instance: string | null;
  /** Listens. */
  on<K extends keyof InstanceEvents>(
    event: K,
    listener: (value: InstanceEvents[K]) => void,
    options?: ListenerOptions,
  ): Removal;
  /** The channel of that name: the same handle each time, kept as long as the client. */
  channel<const N extends string>(
    name: IsUntyped<C> extends true ? N : NameIn<C, N>,
  ): IsUntyped<C> extends true ? AnyChannel : ChannelOf<SpecOf<C, PatternOf<C, N>>>;
  /** The channel that pattern and parameters name. Throws a {@link CarillonError} for a value that is no segment. */
  channel<const P extends PatternKey<C>>(
    pattern: P,
    params: Params<P>,
  ): IsUntyped<C> extends true ? AnyChannel : ChannelOf<SpecOf<C, P>>;
  /**
   * Calls a procedure. It is sent once: if the connection breaks before the answer, rejects with `uncertain`.
   * Rejects with the {@link CarillonError} that the server's handler threw.
   */
  call<N extends CallName<C>>(
    name: N,
    input: CallInput<CallSpecOf<C, N>>,
    options?: AskOptions,
  ): Promise<CallOutput<CallSpecOf<C, N>>>;
  /** Connects again after `disconnect` or a stop. Does nothing otherwise. */
  connect(): void;
  /**
   * Leaves cleanly: own entries end at once for everybody, what waits ends with `disconnected` (or `uncertain`, if it
   * was attempted), iterations end.
   */
  disconnect(): void;
}

type CallSpecOf<C extends Contract, N extends CallName<C>> = C["calls"][N] extends CallSpec ? C["calls"][N] : never;
