import { isUtf8 } from "node:buffer";
import { inflate } from "./deflate.ts";

/** Why a message says nothing. */
export class MessageFault {
  readonly isTooLarge: boolean;
  /** For the close frame. */
  readonly reason: string;

  constructor(isTooLarge: boolean, reason: string) {
    this.isTooLarge = isTooLarge;
    this.reason = reason;
  }
}

const TOO_LARGE = new MessageFault(true, "Expected a smaller message, also inflated.");
const INVALID = new MessageFault(false, "Expected UTF-8, or a compressed message.");

/** A message as it came, perhaps compressed. It keeps alive the read that brought it, and no more. */
export class Message {
  readonly #data: Buffer;
  readonly #isBinary: boolean;
  readonly #isDeflated: boolean;
  /** Whoever parsed it has made sure that a text is UTF-8. */
  readonly #isChecked: boolean;

  constructor(data: Buffer, isBinary: boolean, isDeflated: boolean, isChecked: boolean) {
    this.#data = data;
    this.#isBinary = isBinary;
    this.#isDeflated = isDeflated;
    this.#isChecked = isChecked;
  }

  /**
   * The text of a text message, the bytes of a binary one, `bytesMax` bytes at most; or why there are none: it has more of
   * them, or is not what it says it is.
   */
  content(bytesMax: number): string | Uint8Array | MessageFault {
    const data = this.#isDeflated ? inflate(this.#data, bytesMax) : this.#data;
    if (typeof data === "string") return data === "too_large" ? TOO_LARGE : INVALID;
    if (this.#isBinary) return compact(data);
    return this.#isChecked || isUtf8(data) ? data.toString("utf8") : INVALID;
  }
}

/** The bytes in memory of their own if they would keep alive much more than themselves: whoever stores them, stays small. */
function compact(bytes: Buffer): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.byteLength ? Uint8Array.prototype.slice.call(bytes) : bytes;
}
