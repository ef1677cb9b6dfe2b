import { CarillonError } from "@carillon/protocol";

/** A payload as it goes into a command: turned to text once, so that every attempt sends the same (P3). */
export interface Payload {
  /** What is added to the JSON head: `"data":…`, `"bytes":3` or `"erased":true`. */
  readonly text: string;
  /** The bytes that follow the head; null for JSON. */
  readonly body: Uint8Array | null;
}

/** The payload that blanks a publication. */
export const ERASED: Payload = { text: '"erased":true', body: null };

/** Bytes of `text` in UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

/**
 * The payload for `data`: binary for a `Uint8Array` (copied, since the caller may go on with it), else JSON. Throws a
 * {@link CarillonError} `invalid_data` for what JSON can't say.
 */
export function payloadOf(data: unknown): Payload {
  return data instanceof Uint8Array
    ? { text: `"bytes":${data.byteLength}`, body: data.slice() }
    : { text: `"data":${json(data)}`, body: null };
}

/** JSON of `value`. Throws a {@link CarillonError} `invalid_data` for what JSON can't say. */
export function json(value: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  // `undefined`, functions and symbols give no text; cycles and BigInt throw.
  if (text === undefined) throw new CarillonError("invalid_data", "Expected JSON or a Uint8Array.", { cause });
  return text;
}
