/** What came from the server, before anything is known about it. */
export type Fields = Readonly<Record<string, unknown>>;

/** True for an object that is not an array. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a string. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** `value` if it is a number from `least` up, otherwise `otherwise`. Never NaN or infinite. */
export function numberFrom(value: unknown, least: number, otherwise: number): number {
  return Number.isFinite(value) ? Math.max(least, Number(value)) : otherwise;
}
