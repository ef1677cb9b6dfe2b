import { MARK } from "../messages.ts";

/** How a message is known: it is a data frame of its own, or there is a mark for it in a frame of several. */
export type Counting = "frames" | "marks";

/** Reads what a server sends to one connection. */
export interface Reader {
  /** Messages so far. */
  readonly items: number;
  /** Bytes of the frames that brought them, headers included. */
  readonly itemBytes: number;
  /** Frames that are neither messages nor heartbeats: replies. */
  readonly replies: number;
  /** Signs of life that want one back, messages and pings; whoever answers them takes them away. */
  heartbeats: number;
  pings: number;
  /** Takes the first `length` bytes, cut anywhere. They are read within the call. */
  read(bytes: Buffer, length: number): void;
}

/** Opcodes (RFC 6455, section 5.2). Up to this one a frame holds data. */
export const BINARY = 0x2;
export const PING = 0x9;
const MARK_BYTE = MARK.charCodeAt(0);
/** Bytes of `{"push":"heartbeat"}`; nothing else that a server sends is as long. */
export const HEARTBEAT_BYTES = 20;

/**
 * Counts without decoding and without copying, so that a thousand of them cost less than the server that they count:
 * it walks from header to header, and looks for the marks in between with one native search each. The counts are exact.
 */
export class CountingReader implements Reader {
  items = 0;
  itemBytes = 0;
  replies = 0;
  heartbeats = 0;
  pings = 0;
  readonly #counting: Counting;
  readonly #header = Buffer.alloc(10);
  #headerBytes = 0;
  #payloadBytes = 0;
  #left = -1;
  #itemsOfFrame = 0;

  constructor(counting: Counting) {
    this.#counting = counting;
  }

  read(bytes: Buffer, length: number): void {
    for (let at = 0; at < length;) {
      if (this.#left < 0) {
        at = this.#readHeader(bytes, at, length);
        continue;
      }
      const end = Math.min(length, at + this.#left);
      if (this.#counting === "marks") this.#countMarks(bytes, at, end);
      this.#left -= end - at;
      at = end;
      if (this.#left === 0) this.#endFrame();
    }
  }

  /** Takes what there is of a header; returns where the payload, or what is missing of the header, begins. */
  #readHeader(bytes: Buffer, start: number, length: number): number {
    let at = start;
    while (at < length) {
      this.#header[this.#headerBytes] = bytes[at] ?? 0;
      this.#headerBytes += 1;
      at += 1;
      const code = (this.#header[1] ?? 0) & 0x7f;
      const needed = this.#headerBytes < 2 ? 2 : code < 126 ? 2 : code === 126 ? 4 : 10;
      if (this.#headerBytes < needed) continue;
      this.#payloadBytes =
        code < 126 ? code : code === 126 ? this.#header.readUInt16BE(2) : Number(this.#header.readBigUInt64BE(2));
      this.#left = this.#payloadBytes;
      if (this.#left === 0) this.#endFrame();
      return at;
    }
    return at;
  }

  #countMarks(bytes: Buffer, start: number, end: number): void {
    for (let at = bytes.indexOf(MARK_BYTE, start); at !== -1 && at < end; at = bytes.indexOf(MARK_BYTE, at + 1)) {
      this.#itemsOfFrame += 1;
    }
  }

  #endFrame(): void {
    const opcode = (this.#header[0] ?? 0) & 0x0f;
    const items = this.#counting === "frames" ? (opcode <= BINARY ? 1 : 0) : this.#itemsOfFrame;
    if (items > 0) {
      this.items += items;
      this.itemBytes += this.#headerBytes + this.#payloadBytes;
    } else if (opcode === PING) this.pings += 1;
    else if (this.#payloadBytes === HEARTBEAT_BYTES) this.heartbeats += 1;
    else if (opcode <= BINARY) this.replies += 1;
    this.#headerBytes = 0;
    this.#itemsOfFrame = 0;
    this.#left = -1;
  }
}
