/**
 * Patterns: the keys of a contract's channels, `chat:{room}`. A pattern is segments joined by `:`; each is a literal
 * or a `{parameter}`, which stands for one well-formed segment. The first, the namespace, is a literal. The types say
 * at compile time which pattern a name has, {@link compilePatterns} says it at run time; both compare by segments.
 *
 * No name has two patterns, because two that overlap are refused, so no order among patterns has to be known.
 */
import { CHANNEL_NAME_MAX, isChannelName, isSegment } from "./channel-name.ts";
import { DefinitionError } from "./definition-error.ts";
import { describe } from "./describe.ts";
import { CarillonError } from "./error.ts";

/** What a contract holds, as far as patterns go: an object with a property `channels`. */
export interface HasChannels {
  readonly channels: object;
}

/** The patterns of contract `C`. */
export type PatternKey<C extends HasChannels> = keyof C["channels"] & string;

type ParameterOf<P extends string> = string extends P
  ? string
  : P extends `${string}{${infer Name}}${infer Rest}`
    ? Name | ParameterOf<Rest>
    : never;

/**
 * The parameters of pattern `P`: `Params<"chat:{room}">` is `{ readonly room: string }`. It is no conditional type
 * itself: the compiler would infer `P` through one, and `channel(pattern, params)` would collapse to every channel.
 */
export type Params<P extends string> = { readonly [Name in ParameterOf<P>]: string };

type SegmentMatches<P extends string, N extends string> = P extends `{${string}}`
  ? N extends ""
    ? false
    : true
  : N extends P
    ? true
    : false;

type Matches<P extends string, N extends string> = P extends `${infer PatternHead}:${infer PatternTail}`
  ? N extends `${infer NameHead}:${infer NameTail}`
    ? SegmentMatches<PatternHead, NameHead> extends true
      ? Matches<PatternTail, NameTail>
      : false
    : false
  : N extends `${string}:${string}`
    ? false
    : SegmentMatches<P, N>;

/**
 * The pattern of contract `C` that name `N` has: a literal (`"chat:lobby"`) or a template (`` `chat:${string}` ``, where
 * a placeholder stands for one segment). `never` if there is none, and for a plain `string`.
 */
export type PatternOf<C extends HasChannels, N extends string> = N extends unknown
  ? { [P in PatternKey<C>]: Matches<P, N> extends true ? P : never }[PatternKey<C>]
  : never;

/**
 * The type of a parameter that takes names of contract `C`: `N` itself if it has a pattern, else a sentence that says
 * what is wrong, which the compiler then prints. Use it as `channel<const N extends string>(name: NameIn<C, N>)`; with
 * `N` constrained to anything narrower, templates would collapse to every channel.
 */
export type NameIn<C extends HasChannels, N extends string> = string extends N
  ? "the name is only known to be a string: use channel(pattern, params)"
  : N extends unknown
    ? [PatternOf<C, N>] extends [never]
      ? `no channel of the contract has the name ${N}`
      : N
    : never;

/** The pattern that a name has, and what its parameters stand for. */
export interface PatternMatch<P extends string = string> {
  readonly pattern: P;
  /** One value for each parameter; frozen and without a prototype, so that only parameters are found in it. Made anew by each look. */
  readonly params: Readonly<Record<string, string>>;
}

/** A set of patterns that is ready to match names. */
export interface Patterns<P extends string = string> {
  /** The pattern that `name` has; null if there is none or `name` is not a well-formed channel name. Never throws. */
  match(name: string): PatternMatch<P> | null;
}

/**
 * Checks `patterns` and prepares them for matching. Throws a {@link DefinitionError} for a malformed pattern, and for
 * two patterns that can match one name. Matching takes time in the number of patterns that share a namespace and a
 * count of segments, not in the length of a name: one that is too long is refused unread.
 */
export function compilePatterns<P extends string>(patterns: readonly P[]): Patterns<P> {
  const groups = new Map<string, Compiled<P>[]>();
  for (const pattern of patterns) {
    const compiled = compile(pattern);
    const group = groups.get(groupOf(compiled.segments)) ?? [];
    groups.set(groupOf(compiled.segments), group);
    const other = group.find((earlier) => overlap(earlier, compiled));
    if (other) {
      throw new DefinitionError(
        `Expected patterns of which no two can match one name; ${describe(other.pattern)} and ` +
          `${describe(pattern)} both match ${describe(commonName(other, compiled))}.`,
      );
    }
    group.push(compiled);
  }
  return {
    match(name) {
      if (!isChannelName(name)) return null;
      const segments = name.split(":");
      const compiled = groups.get(groupOf(segments))?.find((candidate) => matches(candidate, segments));
      if (compiled === undefined) return null;
      return {
        pattern: compiled.pattern,
        get params() {
          return paramsOf(compiled, segments);
        },
      };
    },
  };
}

/**
 * The name that `pattern` and `params` make. Throws a {@link CarillonError} `unknown_channel` when a parameter is absent
 * or its value is not one well-formed segment (its alphabet stands in channel-name.ts), or the name is too long.
 */
export function fill<const P extends string>(pattern: P, params: Params<P>): string {
  const values = new Map<string, unknown>(Object.entries(params));
  const name = pattern.replace(PLACEHOLDER, (_, parameter: string) => {
    const value = values.get(parameter);
    if (typeof value === "string" && isSegment(value)) return value;
    throw new CarillonError(
      "unknown_channel",
      `Expected ${parameter} of ${pattern} to be a text of A-Z a-z 0-9 _ . ~ = + -, got ${describe(value)}.`,
    );
  });
  if (isChannelName(name)) return name;
  throw new CarillonError(
    "unknown_channel",
    `Expected a channel name of at most ${CHANNEL_NAME_MAX} characters, got ${describe(name)}.`,
  );
}

const PLACEHOLDER = /\{([^{}:]*)\}/g;
const PARAMETER = /^\{([A-Za-z][A-Za-z0-9_]{0,63})\}$/;

interface Compiled<P extends string> {
  readonly pattern: P;
  /** The segments; the text of a parameter is its placeholder, which no segment of a name can equal. */
  readonly segments: readonly string[];
  /** Name of the parameter at each place; null at the place of a literal. */
  readonly parameters: readonly (string | null)[];
}

/** Patterns of different groups can't match one name: they differ in the namespace or the count of segments. */
function groupOf(segments: readonly string[]): string {
  return `${segments.length}:${segments[0]}`;
}

function compile<P extends string>(pattern: P): Compiled<P> {
  const segments = pattern.split(":");
  const parameters = segments.map((text) => PARAMETER.exec(text)?.[1] ?? null);
  const names = parameters.filter((parameter) => parameter !== null);
  const problem = segments.some((text, place) => parameters[place] === null && !isSegment(text))
    ? 'segments joined by ":", each a text of A-Z a-z 0-9 _ . ~ = + - or a {parameter} named with letters, digits and _'
    : parameters[0] !== null
      ? "a literal first segment (the namespace)"
      : new Set(names).size !== names.length
        ? "each parameter once"
        : isChannelName(segments.map((text, place) => (parameters[place] === null ? text : "x")).join(":"))
          ? null
          : `names of at most ${CHANNEL_NAME_MAX} characters`;
  if (problem !== null) throw new DefinitionError(`Pattern ${describe(pattern)}: expected ${problem}.`);
  return { pattern, segments, parameters };
}

/** True if some name has both patterns, which are of one group: no place has two different literals. */
function overlap(one: Compiled<string>, other: Compiled<string>): boolean {
  return one.segments.every(
    (text, place) =>
      text === other.segments[place] || one.parameters[place] !== null || other.parameters[place] !== null,
  );
}

/** A name that two overlapping patterns match, to show in the error. */
function commonName(one: Compiled<string>, other: Compiled<string>): string {
  return one.segments
    .map((text, place) =>
      one.parameters[place] === null ? text : other.parameters[place] === null ? other.segments[place] : "x",
    )
    .join(":");
}

function matches(compiled: Compiled<string>, segments: readonly string[]): boolean {
  return compiled.segments.every((text, place) => compiled.parameters[place] !== null || text === segments[place]);
}

function paramsOf(compiled: Compiled<string>, segments: readonly string[]): Readonly<Record<string, string>> {
  // Born without a prototype: to take it away later makes the engine keep a description of each such object.
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- An object with nothing in it has any type.
  const params: Record<string, string> = Object.create(null);
  for (const [place, parameter] of compiled.parameters.entries()) {
    if (parameter !== null) params[parameter] = segments[place] ?? "";
  }
  return Object.freeze(params);
}
