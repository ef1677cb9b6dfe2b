import type { Fields } from "./command.ts";

/** A payload as a command brought it: a JSON value, bytes, or the wish to erase. */
export type IncomingPayload = { readonly value: unknown } | { readonly erased: true };

/** Reads the payload fields of a command, or says in a sentence what is wrong with them. */
export function readPayload(fields: Fields, body: Uint8Array): IncomingPayload | string {
  const { data, bytes, erased } = fields;
  // Looked at first, because nearly all are such.
  if (data !== undefined && bytes === undefined && erased === undefined) return { value: data };
  const given = ["data", "bytes", "erased"].filter((name) => fields[name] !== undefined);
  if (given.length !== 1)
    return `Expected exactly one of data, bytes and erased, got ${given.join(" and ") || "none"}.`;
  if (erased !== undefined) return erased === true ? { erased: true } : "Expected erased to be true.";
  if (bytes !== body.byteLength) return `Expected bytes to be the length of what follows, ${body.byteLength}.`;
  // A copy, because the body is a view of the frame, all of which would be kept for as long as the publication.
  return { value: body.slice() };
}

/** Reads optional annotations (tags, meta): short strings by name, together within a bound. */
export function readAnnotations(
  value: unknown,
  name: string,
  charsMax: number,
): Readonly<Record<string, string>> | null | string {
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `Expected ${name} to be an object of strings.`;
  let chars = 0;
  const annotations: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") return `Expected each of ${name} to be a string.`;
    chars += key.length + text.length;
    annotations.push([key, text]);
  }
  if (chars > charsMax) return `Expected ${name} to have at most ${charsMax} characters, got ${chars}.`;
  return Object.fromEntries(annotations);
}

/** Reads the optional note that a command is a repetition. */
export function readResend(value: unknown): { readonly epoch: string; readonly at: number } | null | string {
  if (value === undefined) return null;
  if (typeof value === "object" && value !== null && "epoch" in value && "at" in value) {
    const { epoch, at } = value;
    if (typeof epoch === "string" && epoch.length <= 64 && typeof at === "number") return { epoch, at };
  }
  return "Expected resend to be {epoch, at}.";
}
