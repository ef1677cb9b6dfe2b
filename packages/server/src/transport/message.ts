import { isUtf8 } from "node:buffer";
import { inflate } from "./deflate.ts";

/** What a message says. */
export interface MessagePayload {
  /** Text of a text message, bytes of a binary one. */
  readonly content: string | Uint8Array;
}

/** A message as it came, perhaps compressed. It keeps alive the read that brought it, and no more. */
export class Message {
  readonly #data: Buffer;
  readonly #isBinary: boolean;
  readonly #isDeflated: boolean;

  constructor(data: Buffer, isBinary: boolean, isDeflated: boolean) {
    this.#data = data;
    this.#isBinary = isBinary;
    this.#isDeflated = isDeflated;
  }

  /** What it says in at most `bytesMax` bytes, or why it says nothing: it has more of them, or is not what it says it is. */
  payload(bytesMax: number): MessagePayload | "too_large" | "invalid" {
    const data = this.#isDeflated ? inflate(this.#data, bytesMax) : this.#data;
    if (typeof data === "string") return data;
    if (this.#isBinary) return { content: compact(data) };
    return isUtf8(data) ? { content: data.toString("utf8") } : "invalid";
  }
}

/** The bytes in memory of their own if they would keep alive much more than themselves: whoever stores them, stays small. */
function compact(bytes: Buffer): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.byteLength ? Uint8Array.prototype.slice.call(bytes) : bytes;
}
