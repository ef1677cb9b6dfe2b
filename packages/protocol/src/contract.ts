/**
 * The contract of an application: its channels and calls, written once and shared by server and browser. The browser
 * needs only its type (`connect<typeof contract>()`); the server needs the object. Specs are resolved as they are
 * made: every default is filled, every duration is in milliseconds, and what is wrong is thrown at once.
 */
import { DefinitionError } from "./definition-error.ts";
import { describe } from "./describe.ts";
import { parseDuration, type Duration } from "./duration.ts";
import { compilePatterns, type PatternKey } from "./pattern.ts";
import { isSchema, type InputOf, type OutputOf, type Schema } from "./schema.ts";

/** Most characters in the name of a call. */
export const CALL_NAME_MAX = 128;
/** Longest coalescing interval, in milliseconds: what is held back for longer is not live any more. */
export const COALESCE_MAX_MS = 1_000;

/**
 * Brings data that was stored under an earlier `version` of a log's schema to the present form: to something that could
 * be published today, which is checked. Must be pure, and answer at once.
 */
export type Upgrade = (data: unknown, version: number) => unknown;

/** What {@link log} takes. */
export interface LogOptions<Data extends Schema, Presence extends Schema | undefined> {
  /** Schema of a publication's data. What it puts out must be JSON or bytes. */
  readonly data: Data;
  /** What is retained. A publication goes when it is over either bound. */
  readonly history?: {
    /** Most publications retained. Default 1000; 0 retains none. */
    readonly size?: number;
    /** How long a publication is retained. Default `"1d"`. */
    readonly ttl?: Duration;
  };
  /** Schema of what members tell about themselves. Absent: the channel has no presence. */
  readonly presence?: Presence;
  /** Version of the schema `data`, from 1. Raise it when stored data would no longer satisfy the schema. Default 1. */
  readonly version?: number;
  /**
   * Needed when `version` is over 1: brings data of every earlier version to the present one. It is applied when stored
   * data is read, to subscribers, history and recovery alike; the store keeps what was written. Data that it throws on,
   * or makes something of that does not satisfy the schema, reads as erased, in its place, with the version that it was
   * written under; nothing is lost, and a better `upgrade` reads it again. Data of a later version, which a newer
   * server has written, comes as it is, with its version.
   *
   * @example
   * log({ data: v.object({ text: v.string() }), version: 2, upgrade: (data) => ({ text: String(data) }) })
   */
  readonly upgrade?: Upgrade;
  /**
   * The coalescing interval, at most `"1s"`: deliveries are held back this long at most, to go out together as one unit.
   * For channels that are busier than anybody can look at; a game's is its tick. Default 0: what arrives in one turn of
   * the server's event loop goes out together.
   */
  readonly coalesce?: Duration;
}

/** A log channel: ordered publications. */
export interface LogSpec<Data extends Schema = Schema, Presence extends Schema | undefined = Schema | undefined> {
  readonly kind: "log";
  readonly data: Data;
  readonly historySize: number;
  readonly historyTtlMs: number;
  /** Undefined: the channel has no presence. */
  readonly presence: Presence;
  readonly version: number;
  /** Null only at version 1. */
  readonly upgrade: Upgrade | null;
  /** Null, as 0: what arrives in one turn of the server's event loop goes out together. */
  readonly coalesceMs: number | null;
}

/** What {@link state} takes. */
export interface StateOptions<Value extends Schema> {
  /** Schema of an entry's value. What it puts out must be JSON or bytes. */
  readonly value: Value;
  /** How long an entry lives after it was last set. Default: without end. */
  readonly ttl?: Duration;
  /** True: an entry ends with the instance that set it, and no other instance may set it. Default true. */
  readonly owned?: boolean;
  /**
   * The coalescing interval, at most `"1s"`: deliveries are held back this long at most, to go out together as one unit.
   * For channels that are busier than anybody can look at; a game's is its tick. Default 0: what arrives in one turn of
   * the server's event loop goes out together.
   */
  readonly coalesce?: Duration;
}

/** A state channel: keyed entries, of which the latest value counts. */
export interface StateSpec<Value extends Schema = Schema> {
  readonly kind: "state";
  readonly value: Value;
  /** Null: entries live without end. */
  readonly ttlMs: number | null;
  readonly owned: boolean;
  /** Null, as 0: what arrives in one turn of the server's event loop goes out together. */
  readonly coalesceMs: number | null;
}

/** A channel of either kind. */
export type ChannelSpec = LogSpec | StateSpec;

/** What {@link call} takes. */
export interface CallOptions<Input extends Schema, Output extends Schema> {
  /** Schema of what the caller sends; the handler gets what it puts out. */
  readonly input: Input;
  /** Schema of what the handler returns; the caller gets what it puts out. It must be JSON. */
  readonly output: Output;
}

/** A procedure that clients may call. */
export interface CallSpec<Input extends Schema = Schema, Output extends Schema = Schema> {
  readonly kind: "call";
  readonly input: Input;
  readonly output: Output;
}

/** Channel specs by pattern. */
export type ChannelSpecs = Readonly<Record<string, ChannelSpec>>;
/** Call specs by name. */
export type CallSpecs = Readonly<Record<string, CallSpec>>;

/** What {@link defineContract} takes. */
export interface ContractDefinition<Channels extends ChannelSpecs, Calls extends CallSpecs> {
  /** Version of the contract, which a client names when it connects. Default 1. */
  readonly version?: number;
  readonly channels: Channels;
  readonly calls?: Calls;
}

/** A contract. Frozen; `channels` and `calls` have no prototype, so that only what was defined is found in them. */
export interface Contract<Channels extends ChannelSpecs = ChannelSpecs, Calls extends CallSpecs = CallSpecs> {
  readonly version: number;
  readonly channels: Channels;
  readonly calls: Calls;
}

/** The spec of pattern `P` of contract `C`. */
export type SpecOf<C extends Contract, P extends PatternKey<C>> = C["channels"][P];
/** The names of the calls of contract `C`. */
export type CallName<C extends Contract> = keyof C["calls"] & string;

/** What may be published to the log `S`, or set in the state `S`. */
export type PayloadInput<S extends ChannelSpec> = InputOf<PayloadSchema<S>>;
/** What subscribers of `S` get. */
export type PayloadOutput<S extends ChannelSpec> = OutputOf<PayloadSchema<S>>;
/** What a member of the log `S` may tell about itself; never if it has no presence. */
export type PresenceInput<S extends ChannelSpec> =
  PresenceSchema<S> extends infer P extends Schema ? InputOf<P> : never;
/** What is told about a member of the log `S`; never if it has no presence. */
export type PresenceOutput<S extends ChannelSpec> =
  PresenceSchema<S> extends infer P extends Schema ? OutputOf<P> : never;
/** What a caller of `S` sends. */
export type CallInput<S extends CallSpec> = InputOf<S["input"]>;
/** What a handler of `S` gets. */
export type HandlerInput<S extends CallSpec> = OutputOf<S["input"]>;
/** What a handler of `S` returns. */
export type HandlerOutput<S extends CallSpec> = InputOf<S["output"]>;
/** What a caller of `S` gets. */
export type CallOutput<S extends CallSpec> = OutputOf<S["output"]>;

type PayloadSchema<S extends ChannelSpec> = S extends LogSpec ? S["data"] : S extends StateSpec ? S["value"] : never;
type PresenceSchema<S extends ChannelSpec> = S extends LogSpec ? Extract<S["presence"], Schema> : never;

/**
 * Declares a log channel. Throws a {@link DefinitionError} for an option that is wrong.
 *
 * @example
 * log({ data: v.object({ text: v.string() }), history: { size: 1000, ttl: "30d" } })
 */
export function log<Data extends Schema, Presence extends Schema | undefined = undefined>(
  options: LogOptions<Data, Presence>,
): LogSpec<Data, Presence> {
  const { data, history = {}, presence, version = 1, upgrade = null, coalesce } = options;
  checkSchema(data, "log: data");
  if (presence !== undefined) checkSchema(presence, "log: presence");
  checkInteger(history.size ?? 1000, 0, "log: history.size");
  checkInteger(version, 1, "log: version");
  if (upgrade !== null && typeof upgrade !== "function") {
    throw new DefinitionError(`log: upgrade: expected a function, got ${describe(upgrade)}.`);
  }
  if (version > 1 && upgrade === null) {
    throw new DefinitionError(
      `log: expected upgrade(data, version) beside version ${version}, for what is stored already.`,
    );
  }
  return Object.freeze({
    kind: "log" as const,
    data,
    historySize: history.size ?? 1000,
    historyTtlMs: positiveDuration(history.ttl ?? "1d", "log: history.ttl"),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Presence is undefined exactly when none was given.
    presence: presence as Presence,
    version,
    upgrade,
    coalesceMs: coalesce === undefined ? null : coalesceMsOf(coalesce, "log: coalesce"),
  });
}

/**
 * Declares a state channel. Throws a {@link DefinitionError} for an option that is wrong.
 *
 * @example
 * state({ value: v.object({ name: v.string() }), ttl: "5s" })
 */
export function state<Value extends Schema>(options: StateOptions<Value>): StateSpec<Value> {
  const { value, ttl, owned = true, coalesce } = options;
  checkSchema(value, "state: value");
  if (typeof owned !== "boolean") {
    throw new DefinitionError(`state: owned: expected true or false, got ${describe(owned)}.`);
  }
  return Object.freeze({
    kind: "state" as const,
    value,
    ttlMs: ttl === undefined ? null : positiveDuration(ttl, "state: ttl"),
    owned,
    coalesceMs: coalesce === undefined ? null : coalesceMsOf(coalesce, "state: coalesce"),
  });
}

/** Declares a procedure that clients may call. Throws a {@link DefinitionError} for an option that is wrong. */
export function call<Input extends Schema, Output extends Schema>(
  options: CallOptions<Input, Output>,
): CallSpec<Input, Output> {
  checkSchema(options.input, "call: input");
  checkSchema(options.output, "call: output");
  return Object.freeze({ kind: "call" as const, input: options.input, output: options.output });
}

/**
 * Puts channels and calls together. Throws a {@link DefinitionError} for a malformed pattern or name, for two patterns
 * that can match one name, and for a spec that was not made by {@link log}, {@link state} or {@link call}.
 */
export function defineContract<
  const Channels extends ChannelSpecs,
  const Calls extends CallSpecs = Readonly<Record<never, CallSpec>>,
>(definition: ContractDefinition<Channels, Calls>): Contract<Channels, Calls> {
  const { version = 1, channels, calls } = definition;
  checkInteger(version, 1, "defineContract: version");
  for (const [pattern, spec] of entriesOf(channels, "defineContract: channels")) {
    if (isSpec(spec, "log") || isSpec(spec, "state")) continue;
    throw new DefinitionError(`Channel ${describe(pattern)}: expected log(…) or state(…), got ${describe(spec)}.`);
  }
  compilePatterns(Object.keys(channels));
  for (const [name, spec] of entriesOf(calls ?? {}, "defineContract: calls")) {
    if (name.length > CALL_NAME_MAX || !CALL_NAME.test(name)) {
      throw new DefinitionError(
        `Call ${describe(name)}: expected a name of words joined by ".", each a letter, then letters, digits, _ and -, ` +
          `${CALL_NAME_MAX} characters at most.`,
      );
    }
    if (isSpec(spec, "call")) continue;
    throw new DefinitionError(`Call ${describe(name)}: expected call(…), got ${describe(spec)}.`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Calls is the type of no calls when none were given.
  return Object.freeze({ version, channels: table(channels), calls: table(calls ?? ({} as Calls)) });
}

const CALL_NAME = /^[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*$/;

function checkSchema(value: unknown, name: string): void {
  if (isSchema(value)) return;
  throw new DefinitionError(
    `${name}: expected a schema (valibot, zod, arktype, …: Standard Schema 1), got ${describe(value)}.`,
  );
}

function checkInteger(value: unknown, least: number, name: string): void {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return;
  throw new DefinitionError(`${name}: expected a whole number from ${least}, got ${describe(value)}.`);
}

function positiveDuration(duration: Duration, name: string): number {
  const ms = parseDuration(duration, name);
  if (ms > 0) return ms;
  throw new DefinitionError(`${name}: expected a duration of at least 1 ms, got ${describe(duration)}.`);
}

function coalesceMsOf(duration: Duration, name: string): number {
  const ms = parseDuration(duration, name);
  if (ms <= COALESCE_MAX_MS) return ms;
  throw new DefinitionError(`${name}: expected at most ${COALESCE_MAX_MS} ms, got ${describe(duration)}.`);
}

function entriesOf(value: unknown, name: string): [string, unknown][] {
  if (typeof value === "object" && value !== null) return Object.entries(value);
  throw new DefinitionError(`${name}: expected an object, got ${describe(value)}.`);
}

function isSpec(value: unknown, kind: string): boolean {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

function table<T extends object>(source: T): Readonly<T> {
  const copy = { ...source };
  Object.setPrototypeOf(copy, null);
  return Object.freeze(copy);
}
