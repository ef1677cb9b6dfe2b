import type {
  CallName,
  Contract,
  Duration,
  HandlerInput,
  HandlerOutput,
  InputOf,
  Json,
  OutputOf,
  Params,
  PatternKey,
  Schema,
} from "@carillon/protocol";
import type { Backplane } from "../backplane/backplane.ts";
import type { Limits } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { RawRoutes } from "../gateway/raw-options.ts";
import type { Grant } from "../policy/grant.ts";

/** A schema of users: what a ticket says about its bearer. At least an id. */
export type UserSchema = Schema<unknown, { readonly id: string }>;

/** What a rule is asked about. */
export interface AuthorizeContext<User, P extends string> {
  readonly user: User;
  /** The SDK instance that asks. */
  readonly instance: string;
  /** The channel's full name. */
  readonly channel: string;
  readonly params: Params<P>;
}

/** Rules by pattern: what a user may do in its channels. An absent rule, `false` and an error deny everything. */
export type AuthorizeRules<C extends Contract, User> = {
  readonly [P in PatternKey<C>]?: (context: AuthorizeContext<User, P>) => Grant | boolean | Promise<Grant | boolean>;
};

/** Handlers of the contract's calls. An error of class `CarillonError` reaches the caller; any other becomes `internal`. */
export type CallHandlers<C extends Contract, User> = {
  readonly [Name in CallName<C>]: (context: {
    readonly input: HandlerInput<C["calls"][Name]>;
    readonly user: User;
    readonly instance: string;
  }) => HandlerOutput<C["calls"][Name]> | Promise<HandlerOutput<C["calls"][Name]>>;
};

/** Who came in, for the connect hook. */
export interface ConnectedContext<User> {
  readonly user: User;
  readonly instance: string;
}

/** What a new session is subscribed to by the server; no grant is needed. */
export interface ConnectedResult {
  readonly subscribe?: readonly string[];
}

/** Settings of {@link createCarillon} that have defaults. */
export interface CommonOptions {
  /** Where channels and tickets live. Default: `memory()`. */
  readonly backplane?: Backplane;
  /** Path of the WebSocket endpoint. Default `/realtime`. */
  readonly path?: string;
  /**
   * Origins of pages that may connect, exactly as browsers send them (`https://app.example.com`). A request without an
   * `Origin` is allowed: it needs a ticket all the same, and a ticket is not sent by itself as a cookie is. Default: none.
   */
  readonly origins?: readonly string[];
  /** How many proxies in front add to `X-Forwarded-For`. Default 0: the header is not believed. */
  readonly trustProxy?: number;
  /**
   * Compresses what many are sent, for clients that offer it, as all browsers do: once for all of them, from 512 bytes on,
   * and without memory for each connection. JSON takes a third to two thirds of its bytes then; a unit costs some 20 µs of
   * processor time more, whatever the number of its subscribers. Replies, which may hold credentials, are never
   * compressed. Do not turn it on where secrets and what strangers write share a publication: sizes tell. Default false.
   */
  readonly compression?: boolean;
  /** Plain WebSocket endpoints by path; see {@link RawRoutes}. Default: none. */
  readonly raw?: RawRoutes;
  /** Bounds that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  /** Default: warnings and errors, a line each, on standard error. */
  readonly logger?: Logger;
  /** The world. Default: the process's own; a test kit brings another. */
  readonly ports?: Ports;
}

/** What {@link createCarillon} takes. */
export interface CarillonOptions<C extends Contract, U extends UserSchema> extends CommonOptions {
  readonly contract: C;
  /** What a ticket says about its bearer; checked when a ticket is issued. */
  readonly user: U;
  readonly authorize?: AuthorizeRules<C, OutputOf<U>>;
  /** Handlers for the contract's calls; each needs one. */
  readonly calls?: CallHandlers<C, OutputOf<U>>;
  /**
   * What this node answers when another asks the whole cluster: `carillon.cluster.ask(name, input)`. JSON goes in and comes
   * out; an error becomes one of the node's, and is logged, as does no answer within `hookTimeoutMs`.
   */
  readonly surveys?: Readonly<Record<string, (input: Json) => Json | Promise<Json>>>;
  /** Runs after each connect. */
  readonly connected?: (
    context: ConnectedContext<OutputOf<U>>,
  ) => ConnectedResult | void | Promise<ConnectedResult | void>;
}

/** What a ticket is issued for. */
export interface TicketRequest<U extends UserSchema> {
  readonly user: InputOf<U>;
  /** Only from this address. */
  readonly ip?: string;
  /** Only from a page of this origin. */
  readonly origin?: string;
  /** The ticket is good for this long. Default 30 s. */
  readonly ttl?: Duration;
  /** The session, its resumptions included, ends after this long unless it is refreshed. Default: it doesn't. */
  readonly lifetime?: Duration;
}

/** Settings of a publish by the application. */
export interface PublishOptions {
  /** The publication's id, with `key` an idempotency key as well. Default: a fresh one. */
  readonly id?: string;
  /** Scope of `id`: a publish with the same key and id is appended once within the idempotency window. */
  readonly key?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly meta?: Readonly<Record<string, string>>;
  /** After this time the payload reads as erased. Default: never. */
  readonly expiresIn?: Duration;
}
