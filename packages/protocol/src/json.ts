/**
 * What may be a payload: JSON, or bytes. A schema's output is checked here before it is stored, because what
 * `JSON.stringify` would drop or change silently (a function, a Date, NaN) would reach subscribers as something else.
 */
import { describe } from "./describe.ts";
import type { Json } from "./messages.ts";

/** Most levels of arrays and objects in a payload: enough for documents, too few to exhaust a stack. */
export const JSON_DEPTH_MAX = 64;
/** Most values in a payload. It ends the walk of a value whose parts are shared so often that its text explodes. */
export const JSON_VALUES_MAX = 1_000_000;

/** True for a value that survives JSON unchanged; see {@link jsonProblem}. */
export function isJson(value: unknown): value is Json {
  return jsonProblem(value) === null;
}

/**
 * Why `value` is not JSON, as a sentence with the place of the first fault; null when it is JSON. A property whose
 * value is `undefined` passes: it is left out of the text, as optional properties of a schema's output should be.
 * Everything else that would be changed or lost is refused: `undefined` elsewhere, functions, symbols, bigints,
 * numbers that are not finite, instances of classes, cycles, more than {@link JSON_DEPTH_MAX} levels. Never throws.
 */
export function jsonProblem(value: unknown): string | null {
  try {
    const fault = findFault(value, 0, { left: JSON_VALUES_MAX });
    if (fault === null) return null;
    const place = fault.path === "" ? "" : ` at ${fault.path.replace(/^\./, "").slice(0, PATH_MAX)}`;
    return `Expected JSON${place}, got ${fault.got}.`;
  } catch {
    return "Expected JSON, got a value with a getter or proxy that throws.";
  }
}

/** Why `value` can't be a payload, as a sentence; null when it is JSON or a `Uint8Array`. Never throws. */
export function payloadProblem(value: unknown): string | null {
  return value instanceof Uint8Array ? null : jsonProblem(value);
}

/** Most characters of a place in a sentence. */
const PATH_MAX = 200;

interface Fault {
  readonly path: string;
  readonly got: string;
}

function findFault(value: unknown, depth: number, budget: { left: number }): Fault | null {
  budget.left -= 1;
  if (budget.left < 0) return { path: "", got: `more than ${JSON_VALUES_MAX} values` };
  if (value === null || typeof value === "string" || typeof value === "boolean") return null;
  if (typeof value === "number") return Number.isFinite(value) ? null : { path: "", got: String(value) };
  if (typeof value === "bigint") return { path: "", got: "a bigint" };
  if (typeof value !== "object") return { path: "", got: describe(value) };
  // A cycle ends here as well: its first turn is followed down to the last level.
  if (depth === JSON_DEPTH_MAX) return { path: "", got: `more than ${JSON_DEPTH_MAX} levels, or a cycle` };
  return Array.isArray(value) ? faultInArray(value, depth, budget) : faultInObject(value, depth, budget);
}

function faultInArray(array: readonly unknown[], depth: number, budget: { left: number }): Fault | null {
  for (let index = 0; index < array.length; index += 1) {
    const fault = findFault(array[index], depth + 1, budget);
    if (fault) return within(`[${index}]`, fault);
  }
  return null;
}

function faultInObject(object: object, depth: number, budget: { left: number }): Fault | null {
  const prototype: unknown = Object.getPrototypeOf(object);
  // A root prototype, of this realm or another, or none: everything else is an instance of some class.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return { path: "", got: instanceName(object) };
  const values: readonly unknown[] = Object.values(object);
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    const fault = value === undefined ? null : findFault(value, depth + 1, budget);
    if (fault) {
      const key = Object.keys(object)[index] ?? "";
      return within(/^[A-Za-z_$][\w$]{0,59}$/.test(key) ? `.${key}` : `[${describe(key)}]`, fault);
    }
  }
  return null;
}

function within(step: string, fault: Fault): Fault {
  return { path: step + fault.path, got: fault.got };
}

function instanceName(object: object): string {
  const name: unknown = object.constructor?.name;
  return typeof name === "string" && /^\w{1,60}$/.test(name) ? `an instance of ${name}` : "an instance of a class";
}
