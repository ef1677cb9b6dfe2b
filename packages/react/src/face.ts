/**
 * The face of the hooks, as types: what a component sees of a connection, a channel, its history, its members. Each
 * value that a hook returns is an immutable snapshot: the same object until something in it changes, with every part
 * that did not change shared with the one before.
 */
import type {
  AskOptions,
  CarillonError,
  Client,
  ConnectionState,
  Entry,
  Gap,
  Member,
  Published,
  PublishOptions,
  SetOptions,
  SubscriptionState,
} from "@carillon/client";
import type {
  CallInput,
  CallName,
  CallOutput,
  CallSpec,
  ChannelSpec,
  Contract,
  LogSpec,
  NameIn,
  Params,
  PatternKey,
  PatternOf,
  PayloadInput,
  PayloadOutput,
  PresenceInput,
  PresenceOutput,
  Publisher,
  PublishResult,
  Schema,
  SetResult,
  SpecOf,
  StateSpec,
} from "@carillon/protocol";
import type { FunctionComponent, ReactNode } from "react";

// --- what stands in a list ---

/** Where an own publication stands. What others published, and what came from history, is `sent`. */
export type PublicationStatus = "sending" | "sent" | "failed";

/** One publication in a list. */
export interface PublicationItem<Data = unknown> {
  readonly type: "publication";
  /** Unique in the list, and the same from the optimistic publication to the stored one: use it as `key`. */
  readonly key: string;
  /** Id of the publication: what `amend` and `erase` take. */
  readonly id: string;
  /** What the contract's schema puts out; of an own publication that is not stored yet, what was given to `publish`. */
  readonly data: Data;
  /** Store time in milliseconds since 1970; of an own publication that is not stored yet, this machine's time. */
  readonly at: number;
  /** Undefined: the server itself; or this client before its first connection. */
  readonly publisher: Publisher | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
  /** Published by this client's user, from any instance of it. */
  readonly isOwn: boolean;
  /** Time of the last amendment that this client heard of live; history does not tell. */
  readonly amendedAt: number | null;
  readonly status: PublicationStatus;
  /** Why it failed. Null unless `status` is `failed`. */
  readonly error: CarillonError | null;
  /**
   * Publishes a failed one again, under the same id, so that the server knows it if it was stored after all (within the
   * window of the first attempt). Does nothing otherwise.
   */
  readonly retry: () => void;
  /** Takes a failed one, or one that was not sent yet, out of the list. Does nothing otherwise. */
  readonly discard: () => void;
}

/** What is left of a publication that was erased or has expired. */
export interface TombstoneItem {
  readonly type: "tombstone";
  readonly key: string;
  readonly id: string;
  readonly at: number;
  readonly publisher: Publisher | undefined;
  readonly isOwn: boolean;
}

/** The place where publications are missing for good. */
export interface GapItem extends Gap {
  readonly type: "gap";
  readonly key: string;
}

/** One row of a list, oldest first. */
export type ListItem<Data = unknown> = PublicationItem<Data> | TombstoneItem | GapItem;

// --- what hooks return ---

/** What {@link Hooks.useConnection} returns. */
export interface ConnectionView {
  readonly state: ConnectionState;
  readonly isConnected: boolean;
  /** False until the client was connected once: tells the first connecting from coming back. */
  readonly wasConnected: boolean;
  /** Id of the user; null before the first connection. */
  readonly user: string | null;
  /** Id of the instance; null before the first connection. */
  readonly instance: string | null;
  /** Close code of the connection that ended last; null while connected. */
  readonly code: number | null;
  /** Why the client stopped or could not connect; null while connected. */
  readonly error: CarillonError | null;
  /** Connects again after `disconnect` or a stop. */
  readonly connect: () => void;
  /** Leaves cleanly. */
  readonly disconnect: () => void;
}

/** What every channel's view has. */
export interface SubscriptionView {
  /** Full name of the channel. */
  readonly name: string;
  readonly state: SubscriptionState;
  /** True while nothing is to be caught up. */
  readonly isLive: boolean;
  /** Why the server refused or ended the subscription; null while it stands. */
  readonly error: CarillonError | null;
  /** Asks again after a refusal. */
  readonly resubscribe: () => void;
}

/** Settings of {@link Hooks.useChannel}. */
export interface UseChannelOptions {
  /** Start so many publications back. Default 0: with what comes from now on. */
  readonly history?: number | undefined;
  /** Most rows kept, the newest. Default 1,000. Of several components with one channel, the largest counts. */
  readonly limit?: number | undefined;
}

/** What {@link Hooks.useChannel} returns. */
export interface ChannelView<Input = unknown, Output = unknown> extends SubscriptionView {
  /** The newest rows, oldest first; own publications that are not stored yet stand at the end. */
  readonly publications: readonly ListItem<Input | Output>[];
  /**
   * Publishes, and shows it at once as `sending`. Resolves when it is stored. Need not be awaited: a failure shows in
   * the list as well, and is no unhandled rejection.
   */
  readonly publish: (data: Input, options?: PublishOptions) => Promise<Published>;
  /** Replaces the data of an earlier publication for everybody. Rejects as `amend` of the client does. */
  readonly amend: (id: string, data: Input) => Promise<PublishResult>;
  /** Blanks an earlier publication for everybody. Rejects as `erase` of the client does. */
  readonly erase: (id: string) => Promise<PublishResult>;
}

/** Settings of {@link Hooks.useHistory}. */
export interface UseHistoryOptions {
  /** Publications on a page. Default 50; the server may give fewer. */
  readonly pageSize?: number | undefined;
  /**
   * Most rows kept in all, pages and live. Default 10,000. When there are so many, no more pages are loaded, and each row
   * that comes takes the place of the oldest. Of several components with one channel, the largest counts.
   */
  readonly limit?: number | undefined;
}

/** What {@link Hooks.useHistory} returns. */
export interface HistoryView<Input = unknown, Output = unknown> {
  /** Full name of the channel. */
  readonly name: string;
  /** Rows of the loaded pages, oldest first, up to where the list of `useChannel` starts. */
  readonly publications: readonly ListItem<Input | Output>[];
  /** The loaded pages and, without a seam, the list of `useChannel`: what a chat shows. */
  readonly timeline: readonly ListItem<Input | Output>[];
  /**
   * How many rows were put before the first one, less those dropped there: grows by the size of each page. With it a
   * virtual list keeps its place (row `n` of the timeline is `n - offset` for good).
   */
  readonly offset: number;
  /** Loads the page before the oldest row. While one is loading, waits for that one. Rejects never: see `error`. */
  readonly loadOlder: () => Promise<void>;
  /** False once the beginning of what is retained was reached, or `limit`. */
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  /** Why the last page could not be loaded; null from the next attempt on. */
  readonly error: CarillonError | null;
}

/** Everybody who is one user: what several tabs of one person are. */
export interface PresentUser<Info = unknown> {
  readonly user: string;
  /** What the member that came last tells. */
  readonly info: Info;
  readonly members: readonly Member<Info>[];
  readonly isSelf: boolean;
}

/** Settings of {@link Hooks.usePresence}. */
export interface UsePresenceOptions<Input> {
  /** Be a member with this info while the component is mounted. Compared by value. Absent: only look. */
  readonly info?: Input | undefined;
}

/** What {@link Hooks.usePresence} returns. */
export interface PresenceView<Info = unknown> extends SubscriptionView {
  /** One for each instance. */
  readonly members: readonly Member<Info>[];
  /** One for each user. */
  readonly users: readonly PresentUser<Info>[];
}

/** What {@link Hooks.useStateChannel} returns. */
export interface StateView<Input = unknown, Output = unknown> extends SubscriptionView {
  /** The entries by key. Never mutated: changes come as a new map that shares the entries that did not change. */
  readonly entries: ReadonlyMap<string, Entry<Output>>;
  /** The value of this instance's own entry. */
  readonly own: Output | undefined;
  /** Sets the instance's own entry, or that of `key`. Rejects as `set` of the client does. */
  readonly set: StateSetter<Input>;
  /** Removes the instance's own entry, or that of `key`. */
  readonly remove: (key?: string | null, options?: SetOptions) => Promise<SetResult>;
}

/** Sets an entry of a state channel. */
export interface StateSetter<Input> {
  (value: Input): Promise<SetResult>;
  (key: string | null, value: Input, options?: SetOptions): Promise<SetResult>;
}

/** What {@link Hooks.useCall} returns. */
export interface CallView<Input, Output> {
  /** Calls the procedure. Need not be awaited: a failure is in `error`, too, and no unhandled rejection. */
  readonly call: (input: Input, options?: AskOptions) => Promise<Output>;
  /** True while the last call has no answer. */
  readonly isPending: boolean;
  /** The answer of the last call that had one; undefined before. */
  readonly data: Output | undefined;
  /** Why the last call failed; null from the next call on. */
  readonly error: CarillonError | null;
  /** Forgets data and error. */
  readonly reset: () => void;
}

// --- hooks ---

/** What {@link Hooks.CarillonProvider} takes. */
export interface ProviderProps<C extends Contract> {
  /**
   * Made once, outside of components: `connect` opens a connection. Null where there is none, as on a server that
   * renders the page: every hook then returns what it returns before anything has come.
   */
  readonly client: Client<C> | null;
  readonly children?: ReactNode;
}

/** True for hooks without a contract: every name is a channel of either kind, and every payload `unknown`. */
type IsUntyped<C extends Contract> = string extends PatternKey<C> ? true : false;

/** The part of contract `C` whose channels are of `Kind`. */
export interface ContractPart<C extends Contract, Kind extends ChannelSpec> extends Contract {
  readonly channels: { readonly [P in PatternKey<C> as C["channels"][P] extends Kind ? P : never]: C["channels"][P] };
}

/** A log that has presence. */
type PresenceSpec = LogSpec<Schema, Schema>;
/** `N` itself if it is a name of contract `C`, else a sentence that says what is wrong. */
type NameOf<C extends Contract, Kind extends ChannelSpec, N extends string> =
  IsUntyped<C> extends true
    ? N
    : N extends `${string}{${string}`
      ? "this is a pattern: its parameters come next"
      : NameIn<ContractPart<C, Kind>, N>;
/** The spec of a name, at its most precise: `Kind` where there is no contract. */
type SpecOfName<C extends Contract, Kind extends ChannelSpec, N extends string> =
  IsUntyped<C> extends true ? Kind : Extract<SpecOf<C, PatternOf<C, N>>, Kind>;
type SpecOfPattern<C extends Contract, Kind extends ChannelSpec, P extends string> =
  IsUntyped<C> extends true ? Kind : P extends PatternKey<C> ? Extract<SpecOf<C, P>, Kind> : never;
type CallSpecOf<C extends Contract, N extends CallName<C>> = C["calls"][N] extends CallSpec ? C["calls"][N] : never;

/** Follows a log channel, by its name, or by pattern and parameters. */
export interface UseChannel<C extends Contract> {
  <const N extends string>(
    name: NameOf<C, LogSpec, N>,
    options?: UseChannelOptions,
  ): ChannelViewOf<SpecOfName<C, LogSpec, N>>;
  <const P extends PatternKey<ContractPart<C, LogSpec>>>(
    pattern: P,
    params: Params<P>,
    options?: UseChannelOptions,
  ): ChannelViewOf<SpecOfPattern<C, LogSpec, P>>;
}
type ChannelViewOf<S extends ChannelSpec> = ChannelView<PayloadInput<S>, PayloadOutput<S>>;

/** Pages backwards through a log channel, by its name, or by pattern and parameters. */
export interface UseHistory<C extends Contract> {
  <const N extends string>(
    name: NameOf<C, LogSpec, N>,
    options?: UseHistoryOptions,
  ): HistoryViewOf<SpecOfName<C, LogSpec, N>>;
  <const P extends PatternKey<ContractPart<C, LogSpec>>>(
    pattern: P,
    params: Params<P>,
    options?: UseHistoryOptions,
  ): HistoryViewOf<SpecOfPattern<C, LogSpec, P>>;
}
type HistoryViewOf<S extends ChannelSpec> = HistoryView<PayloadInput<S>, PayloadOutput<S>>;

/** Follows the presence of a log channel, by its name, or by pattern and parameters. */
export interface UsePresence<C extends Contract> {
  <const N extends string>(
    name: NameOf<C, PresenceSpec, N>,
    options?: UsePresenceOptions<PresenceInput<SpecOfName<C, PresenceSpec, N>>>,
  ): PresenceView<PresenceOutput<SpecOfName<C, PresenceSpec, N>>>;
  <const P extends PatternKey<ContractPart<C, PresenceSpec>>>(
    pattern: P,
    params: Params<P>,
    options?: UsePresenceOptions<PresenceInput<SpecOfPattern<C, PresenceSpec, P>>>,
  ): PresenceView<PresenceOutput<SpecOfPattern<C, PresenceSpec, P>>>;
}

/** Follows a state channel, by its name, or by pattern and parameters. */
export interface UseStateChannel<C extends Contract> {
  <const N extends string>(name: NameOf<C, StateSpec, N>): StateViewOf<SpecOfName<C, StateSpec, N>>;
  <const P extends PatternKey<ContractPart<C, StateSpec>>>(
    pattern: P,
    params: Params<P>,
  ): StateViewOf<SpecOfPattern<C, StateSpec, P>>;
}
type StateViewOf<S extends ChannelSpec> = StateView<PayloadInput<S>, PayloadOutput<S>>;

/** What `createHooks` makes for contract `C`. */
export interface Hooks<C extends Contract = Contract> {
  /** Gives a client to the hooks below it. Two providers of one client share what they follow. */
  readonly CarillonProvider: FunctionComponent<ProviderProps<C>>;
  /** The client of the provider. Throws without one. */
  readonly useClient: () => Client<C>;
  /** How the connection stands. */
  readonly useConnection: () => ConnectionView;
  /**
   * Follows a log channel while a component is mounted. Components that use the same channel share one subscription; it
   * ends some time after the last of them unmounts (`lingerMs`).
   */
  readonly useChannel: UseChannel<C>;
  /** Pages backwards from where the list of `useChannel` starts. Follows the channel, too, so that pages stay true. */
  readonly useHistory: UseHistory<C>;
  /** Follows who is in a channel and, with `info`, is a member while the component is mounted. */
  readonly usePresence: UsePresence<C>;
  /** Follows the entries of a state channel while a component is mounted. */
  readonly useStateChannel: UseStateChannel<C>;
  /** A procedure of the contract, with how its last call went. */
  readonly useCall: <const N extends CallName<C>>(
    name: N,
  ) => CallView<CallInput<CallSpecOf<C, N>>, CallOutput<CallSpecOf<C, N>>>;
}
