/**
 * Schemas of an application's contract, by way of Standard Schema: valibot, zod, arktype and others offer it, and
 * nothing here depends on one of them. A schema is foreign code that runs on input from a peer, so whatever it does
 * (throw, reject, return nonsense) becomes a failed {@link Validation} here and goes no further.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";

/** A schema: anything that offers Standard Schema, version 1 (https://standardschema.dev). */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;
/** What a caller may give to `S`. */
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>;
/** What comes out of `S`: what is stored and what receivers get. */
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>;

/** The outcome of {@link validate}. `problem` is text of bounded length without line breaks, fit for a peer. */
export type Validation<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Most issues that a problem lists. */
const ISSUES_MAX = 3;
/** Most characters of one issue in a problem. */
const ISSUE_LENGTH_MAX = 200;
/** Most steps of a path that a problem shows. */
const PATH_STEPS_MAX = 8;

/** True for an object or function that offers Standard Schema, version 1. */
export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || !("~standard" in value)) {
    return false;
  }
  const standard = value["~standard"];
  if (typeof standard !== "object" || standard === null) return false;
  return (
    "version" in standard && standard.version === 1 && "validate" in standard && typeof standard.validate === "function"
  );
}

/**
 * Validates `value`. The outcome comes at once, or as a promise if the schema is asynchronous; whoever needs an order
 * keeps it. Never throws and its promise never rejects: a schema that does is reported as a problem of the value.
 */
export function validate<S extends Schema>(
  schema: S,
  value: unknown,
): Validation<OutputOf<S>> | Promise<Validation<OutputOf<S>>> {
  try {
    const result = schema["~standard"].validate(value);
    return isPromise(result) ? result.then(outcome<S>, thrown) : outcome<S>(result);
  } catch {
    return thrown();
  }
}

/** A schema for binary data: takes a `Uint8Array` (a Node `Buffer` is one) and gives back the same. */
export function bytes(): Schema<Uint8Array> {
  return BYTES;
}

const BYTES: Schema<Uint8Array> = Object.freeze({
  "~standard": Object.freeze({
    version: 1 as const,
    vendor: "carillon",
    validate: (value: unknown): StandardSchemaV1.Result<Uint8Array> =>
      value instanceof Uint8Array ? { value } : { issues: [{ message: "Expected bytes (a Uint8Array)" }] },
  }),
});

/** Not `instanceof`: a schema library may run in another realm or bring a promise of its own. */
function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function outcome<S extends Schema>(result: StandardSchemaV1.Result<unknown>): Validation<OutputOf<S>> {
  try {
    if (result.issues) return { ok: false, problem: sentence(result.issues) };
    return "value" in result ? { ok: true, value: result.value as OutputOf<S> } : thrown();
  } catch {
    return thrown();
  }
}

/** What a schema threw may hold anything, secrets too, so none of it is told. */
function thrown(): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem: "The schema failed on this value." };
}

function sentence(issues: readonly StandardSchemaV1.Issue[]): string {
  const shown = issues.slice(0, ISSUES_MAX).map((issue) => {
    const path = pathText(issue.path ?? []);
    return clean(path === "" ? issue.message : `at ${path}: ${issue.message}`);
  });
  if (issues.length > ISSUES_MAX) shown.push(`and ${issues.length - ISSUES_MAX} more`);
  const text = shown.join("; ");
  if (text === "") return "The value does not satisfy the schema.";
  return text.endsWith(".") ? text : `${text}.`;
}

function pathText(path: readonly (PropertyKey | StandardSchemaV1.PathSegment)[]): string {
  let text = "";
  for (const step of path.slice(0, PATH_STEPS_MAX)) {
    const key = typeof step === "object" ? step.key : step;
    if (typeof key === "number") text += `[${key}]`;
    else text += `${text === "" ? "" : "."}${String(key).slice(0, 60)}`;
  }
  return path.length > PATH_STEPS_MAX ? `${text}…` : text;
}

/** Keeps a message that quotes hostile input to one line of bounded length, with only well-formed characters. */
function clean(text: string): string {
  const cut = text.length > ISSUE_LENGTH_MAX ? `${text.slice(0, ISSUE_LENGTH_MAX)}…` : text;
  return cut.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu, " ");
}
