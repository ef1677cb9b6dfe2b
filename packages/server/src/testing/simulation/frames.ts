import type { Framing } from "../../session/connection.ts";

const TEXT = 1;
const BINARY = 2;
const HEAD_BYTES = 5;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Frames of a byte for the kind, four for the length, and the payload as it is. */
export const SIMULATED_FRAMING: Framing = {
  text: (payload) => frame(TEXT, encoder.encode(payload)),
  binary: (payload) => frame(BINARY, payload),
};

/** Puts frames together again from bytes that come in any pieces. What is no whole frame is never told. */
export class FrameReader {
  #rest: Uint8Array | null = null;
  readonly #take: (payload: string | Uint8Array) => void;

  constructor(take: (payload: string | Uint8Array) => void) {
    this.#take = take;
  }

  /** More bytes came. */
  read(bytes: Uint8Array): void {
    let buffer = bytes;
    if (this.#rest !== null) {
      buffer = new Uint8Array(this.#rest.byteLength + bytes.byteLength);
      buffer.set(this.#rest);
      buffer.set(bytes, this.#rest.byteLength);
    }
    let offset = 0;
    while (buffer.byteLength - offset >= HEAD_BYTES) {
      const length = new DataView(buffer.buffer, buffer.byteOffset + offset + 1, 4).getUint32(0);
      const end = offset + HEAD_BYTES + length;
      if (end > buffer.byteLength) break;
      const payload = buffer.subarray(offset + HEAD_BYTES, end);
      const isText = buffer[offset] === TEXT;
      offset = end;
      this.#take(isText ? decoder.decode(payload) : payload.slice());
    }
    this.#rest = offset === buffer.byteLength ? null : buffer.subarray(offset);
  }
}

function frame(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + payload.byteLength);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, payload.byteLength);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}
