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

  readonly #header = new Uint8Array(HEADER_BYTES_MAX);
  #headerBytes = 0;
  #payloadLeft = 0;
  #isOver = false;

  /** Reads the next bytes of the stream, cut anywhere. */
  scan(chunk: Uint8Array): void {
    this.messages = 0;
    for (let at = 0; at < chunk.byteLength && !this.#isOver;) {
      if (this.#payloadLeft > 0) {
        const skipped = Math.min(this.#payloadLeft, chunk.byteLength - at);
        this.#payloadLeft -= skipped;
        at += skipped;
        if (this.#payloadLeft === 0) this.#endFrame();
        continue;
      }
      this.#header[this.#headerBytes] = chunk[at] ?? 0;
      this.#headerBytes += 1;
      at += 1;
      this.#readHeader();
    }
  }

  /** Judges what there is of a header; called after each of its bytes. */
  #readHeader(): void {
    if (this.#headerBytes < 2) return;
    const first = this.#header[0] ?? 0;
    const second = this.#header[1] ?? 0;
    if (this.#headerBytes === 2 && this.#isRefusedByParser(first, second)) {
      this.#isOver = true;
      return;
    }
    const code = second & 0x7f;
    const lengthBytes = LENGTH_BYTES.get(code) ?? 0;
    if (this.#headerBytes < 2 + lengthBytes + MASK_BYTES) return;
    const length = lengthBytes === 0 ? code : this.#extendedLength(lengthBytes);
    if ((lengthBytes === 2 && length < 126) || (lengthBytes === 8 && length < 65_536)) {
      this.isBroken = true;
      this.#isOver = true;
      return;
    }
    if (isData(first)) this.fragments += 1;
    this.#payloadLeft = length;
    if (length === 0) this.#endFrame();
  }

  #extendedLength(bytes: number): number {
    const digits = this.#header.subarray(2, 2 + bytes);
    return digits.reduce((length, digit) => length * 256 + digit, 0);
  }

  #endFrame(): void {
    const first = this.#header[0] ?? 0;
    this.#headerBytes = 0;
    // What follows a close frame is not read any more (RFC 6455, section 5.5.1).
    if ((first & OPCODE) === CLOSE) this.#isOver = true;
    if (!isData(first) || (first & FINAL) === 0) return;
    this.fragments = 0;
    this.messages += 1;
  }

  #isRefusedByParser(first: number, second: number): boolean {
    const opcode = first & OPCODE;
    if ((first & RESERVED) !== 0 || (second & MASKED) === 0) return true;
    if (opcode >= CLOSE) return opcode > PONG || (first & FINAL) === 0 || (second & 0x7f) > 125;
    return opcode > BINARY || (opcode === CONTINUATION) === (this.fragments === 0);
  }
}

const FINAL = 0x80;
const RESERVED = 0x70;
const OPCODE = 0x0f;
const MASKED = 0x80;
const CONTINUATION = 0x0;
const BINARY = 0x2;
const CLOSE = 0x8;
const PONG = 0xa;
const MASK_BYTES = 4;
const HEADER_BYTES_MAX = 14;
/** Bytes of the length that follows the second byte, by the number that stands there. */
const LENGTH_BYTES: ReadonlyMap<number, number> = new Map([
  [126, 2],
  [127, 8],
]);

function isData(first: number): boolean {
  return (first & OPCODE) < CLOSE;
}
