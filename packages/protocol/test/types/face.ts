/**
 * The face of client and server as far as the contract's types reach, declared and not built: what an application
 * writes must compile or not by these signatures. Nothing here exists at run time.
 */
import type {
  CallInput,
  CallName,
  CallOutput,
  ChannelSpec,
  Contract,
  HandlerInput,
  HandlerOutput,
  InputOf,
  LogSpec,
  NameIn,
  OutputOf,
  Params,
  PatternKey,
  PatternOf,
  PayloadInput,
  PayloadOutput,
  PresenceInput,
  PresenceOutput,
  Schema,
  SpecOf,
  StateSpec,
} from "@carillon/protocol";

/** True only for types that are the same, `any` and optional or readonly properties told apart. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only for `true`. */
export declare function expectType<T extends true>(): T;

interface LogChannel<S extends LogSpec> {
  on(event: "publication", listener: (publication: { data: PayloadOutput<S>; at: number }) => void): () => void;
  publish(data: PayloadInput<S>): Promise<void>;
  readonly presence: undefined extends S["presence"] ? undefined : Presence<S>;
}
interface Presence<S extends LogSpec> {
  enter(info: PresenceInput<S>): Promise<void>;
  on(event: "change", listener: (members: readonly { info: PresenceOutput<S> }[]) => void): () => void;
}
interface StateChannel<S extends StateSpec> {
  set(key: string, value: PayloadInput<S>): Promise<void>;
  readonly entries: ReadonlyMap<string, PayloadOutput<S>>;
}
type ChannelOf<S extends ChannelSpec> = S extends LogSpec
  ? LogChannel<S>
  : S extends StateSpec
    ? StateChannel<S>
    : never;

export interface Client<C extends Contract> {
  channel<const N extends string>(name: NameIn<C, N>): ChannelOf<SpecOf<C, PatternOf<C, N>>>;
  channel<P extends PatternKey<C>>(pattern: P, params: Params<P>): ChannelOf<SpecOf<C, P>>;
  call<Name extends CallName<C>>(name: Name, input: CallInput<C["calls"][Name]>): Promise<CallOutput<C["calls"][Name]>>;
}
export declare function connect<C extends Contract>(options: { url: string }): Client<C>;

type Logs<C extends Contract> = { [P in PatternKey<C>]: C["channels"][P] extends LogSpec ? P : never }[PatternKey<C>];

export interface Server<C extends Contract, User extends Schema> {
  publish<const N extends string>(
    name: NameIn<C, N>,
    data: PayloadInput<SpecOf<C, PatternOf<C, N> & Logs<C>>>,
  ): Promise<void>;
  readonly tickets: { issue(ticket: { user: InputOf<User> }): Promise<string> };
}
export declare function createCarillon<C extends Contract, User extends Schema>(options: {
  contract: C;
  user: User;
  authorize?: {
    readonly [P in PatternKey<C>]?: (request: { user: OutputOf<User>; params: Params<P> }) => {
      subscribe?: boolean;
      publish?: boolean;
    };
  };
  calls: {
    readonly [Name in CallName<C>]: (request: {
      input: HandlerInput<C["calls"][Name]>;
      user: OutputOf<User>;
    }) => HandlerOutput<C["calls"][Name]> | Promise<HandlerOutput<C["calls"][Name]>>;
  };
}): Server<C, User>;
