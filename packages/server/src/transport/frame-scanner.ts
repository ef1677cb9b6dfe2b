import { COMPRESSED } from "./deflate.ts";

/**
 * Reads the headers of incoming frames beside the parser of `ws`, for two rules that it does not keep: a length must
 * be in its shortest form (RFC 6455, section 5.2), and an unauthenticated peer gets few fragments. It never holds
 * payload. Whatever `ws` refuses by itself ends the scan, so that the two can't come to different verdicts.
 */
export class FrameScanner {
  /** Fragments of the message that has begun and not ended; 0 between messages. */
  fragments = 0;
  /** True once a length came that was not in its shortest form. Nothing is scanned afterwards. */
  isBroken = false;
  /** Data messages that ended in the last chunk, before a broken length if there was one. */
  messages = 0;
  /** Which of them, from 0, were compressed; null for none. */
  compressed: Set<number> | null = null;

  // Numbers and no buffer: this may exist once for each connection, and a buffer has 300 bytes.
  #first = 0;
  #headerBytes = 0;
  #lengthBytes = 0;
  #length = 0;
  #payloadLeft = 0;
  #isOver = false;
  /** The peers agreed to compression. */
  readonly #mayInflate: boolean;
  /** The message that has begun is compressed. */
  #isCompressed = false;

  constructor(mayInflate: boolean = false) {
    this.#mayInflate = mayInflate;
  }

  /**
   * Reads the next bytes of the stream, cut anywhere. Where compression was agreed to, the bit that marks a compressed
   * message is cleared in them: the parser does not know of it, and hands the message on as it came.
   */
  scan(chunk: Uint8Array): void {
    this.messages = 0;
    this.compressed = null;
    if (!this.#isOver && !this.#mayInflate && this.#isBetweenMessages && isWholeMessage(chunk)) {
      this.messages = 1;
      return;
    }
    for (let at = 0; at < chunk.byteLength && !this.#isOver;) {
      if (this.#payloadLeft === 0) {
        if (this.#headerBytes === 0 && this.#mayInflate) this.#takeMark(chunk, at);
        this.#readHeader(chunk[at] ?? 0);
        at += 1;
        continue;
      }
      const skipped = Math.min(this.#payloadLeft, chunk.byteLength - at);
      this.#payloadLeft -= skipped;
      at += skipped;
      if (this.#payloadLeft === 0) this.#endFrame();
    }
  }

  get #isBetweenMessages(): boolean {
    return this.#headerBytes === 0 && this.#payloadLeft === 0 && this.fragments === 0;
  }

  #takeMark(chunk: Uint8Array, at: number): void {
    const first = chunk[at] ?? 0;
    const opcode = first & OPCODE;
    // Elsewhere the bit is a breach of the protocol, and is left to the parser (RFC 7692, section 6.1).
    if (opcode !== TEXT && opcode !== BINARY) return;
    this.#isCompressed = (first & COMPRESSED) !== 0;
    chunk[at] = first & ~COMPRESSED;
  }

  /** Takes the next byte of a header: opcode, length, more of the length, mask. */
  #readHeader(byte: number): void {
    this.#headerBytes += 1;
    if (this.#headerBytes === 1) {
      this.#first = byte;
    } else if (this.#headerBytes === 2) {
      this.#isOver = this.#isRefusedByParser(this.#first, byte);
      const code = byte & 0x7f;
      this.#lengthBytes = code === 126 ? 2 : code === 127 ? 8 : 0;
      this.#length = this.#lengthBytes === 0 ? code : 0;
    } else {
      if (this.#headerBytes <= 2 + this.#lengthBytes) this.#length = this.#length * 256 + byte;
      if (this.#headerBytes === 2 + this.#lengthBytes + MASK_BYTES) this.#beginPayload();
    }
  }

  #beginPayload(): void {
    const isLonger =
      (this.#lengthBytes === 2 && this.#length < 126) || (this.#lengthBytes === 8 && this.#length < 65_536);
    if (isLonger) {
      this.isBroken = true;
      this.#isOver = true;
      return;
    }
    if (isData(this.#first)) this.fragments += 1;
    this.#payloadLeft = this.#length;
    if (this.#length === 0) this.#endFrame();
  }

  #endFrame(): void {
    const first = this.#first;
    this.#headerBytes = 0;
    // What follows a close frame is not read any more (RFC 6455, section 5.5.1).
    if ((first & OPCODE) === CLOSE) this.#isOver = true;
    if (!isData(first) || (first & FINAL) === 0) return;
    this.fragments = 0;
    if (this.#isCompressed) this.#noteCompressed();
    this.messages += 1;
  }

  #noteCompressed(): void {
    this.#isCompressed = false;
    this.compressed ??= new Set();
    this.compressed.add(this.messages);
  }

  #isRefusedByParser(first: number, second: number): boolean {
    const opcode = first & OPCODE;
    if ((first & RESERVED) !== 0 || (second & MASKED) === 0) return true;
    if (opcode >= CLOSE) return opcode > PONG || (first & FINAL) === 0 || (second & 0x7f) > 125;
    return opcode > BINARY || (opcode === CONTINUATION) === (this.fragments === 0);
  }
}

/** What most chunks are between messages, seen at a glance: one message in one frame, well-formed, and nothing else. */
export function isWholeMessage(chunk: Uint8Array): boolean {
  if (chunk.byteLength < 2 + MASK_BYTES) return false;
  const first = chunk[0] ?? 0;
  const second = chunk[1] ?? 0;
  if ((first !== (FINAL | TEXT) && first !== (FINAL | BINARY)) || (second & MASKED) === 0) return false;
  const code = second & 0x7f;
  if (code < 126) return chunk.byteLength === 2 + MASK_BYTES + code;
  const length = (chunk[2] ?? 0) * 256 + (chunk[3] ?? 0);
  return code === 126 && length >= 126 && chunk.byteLength === 4 + MASK_BYTES + length;
}

const FINAL = 0x80;
const RESERVED = 0x70;
const OPCODE = 0x0f;
const MASKED = 0x80;
const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PONG = 0xa;
const MASK_BYTES = 4;

function isData(first: number): boolean {
  return (first & OPCODE) < CLOSE;
}
