/** Most characters of a foreign string that a message quotes: a sentence must not grow with what a peer sent. */
const QUOTED_MAX = 60;

/**
 * A short piece of text that names `value` in an error message: quoted and cut if it is a string, its kind if it has
 * no short text. Control characters and lone surrogates come out escaped, so that the text can go to a log or a peer.
 */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    const quoted = JSON.stringify(value.slice(0, QUOTED_MAX));
    return value.length > QUOTED_MAX ? `${quoted}… (${value.length} characters)` : quoted;
  }
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value).slice(0, QUOTED_MAX);
}
