import type { Framing } from "../session/connection.ts";

/**
 * Builds the frames that a server sends (RFC 6455, section 5.2): final, unmasked, without extensions.
 *
 *     byte 0        byte 1
 *     ┌─┬───┬──────┬─┬─────────┬───────────────────────────┬─────────┐
 *     │1│000│opcode│0│ 0–125   │                           │ payload │
 *     │1│000│opcode│0│ 126     │ u16 length (126–65,535)   │ payload │
 *     │1│000│opcode│0│ 127     │ u64 length (from 65,536)  │ payload │
 *     └─┴───┴──────┴─┴─────────┴───────────────────────────┴─────────┘
 *
 * They are built here and not by `ws`, because a frame for a whole group of connections is built once and written
 * to each of their sockets as it is.
 */

/** First byte of a text message in one frame. */
export const FINAL_TEXT = 0x81;
/** First byte of a binary message in one frame. */
export const FINAL_BINARY = 0x82;

/** Frames of a WebSocket without extensions, for every connection alike. */
export const WEBSOCKET_FRAMING: Framing = { text: textFrame, binary: binaryFrame };

/**
 * Most UTF-8 bytes of a text whose frame is put together in shared memory. Its memory is shared with that of others around
 * its time, so a frame that is kept keeps {@link SHARED_BYTES}, as small buffers of Node do.
 */
const SHARED_TEXT_BYTES_MAX = 2_048;
const SHARED_BYTES = 8_192;
/** Most UTF-8 bytes of a UTF-16 unit. */
const BYTES_PER_UNIT_MAX = 3;

/** A text frame. Lone surrogates, which UTF-8 can't express, become U+FFFD. */
export function textFrame(payload: string): Buffer {
  if (payload.length * BYTES_PER_UNIT_MAX <= SHARED_TEXT_BYTES_MAX) return SHARED_MEMORY.textFrame(payload);
  const length = Buffer.byteLength(payload);
  const start = headerBytes(length);
  const bytes = Buffer.allocUnsafe(start + length);
  writeHeader(bytes, FINAL_TEXT, length);
  bytes.write(payload, start, length, "utf8");
  return bytes;
}

/**
 * Memory for small frames, cut off piece by piece. Text is written before its length is known, where it will stand if all
 * of it is ASCII: to count its bytes first and to make a buffer of that size costs twice as much as writing them.
 */
class SharedMemory {
  #memory = Buffer.allocUnsafeSlow(SHARED_BYTES);
  #used = 0;

  textFrame(payload: string): Buffer {
    if (this.#used + HEADER_BYTES_MAX + payload.length * BYTES_PER_UNIT_MAX > SHARED_BYTES) {
      this.#memory = Buffer.allocUnsafeSlow(SHARED_BYTES);
      this.#used = 0;
    }
    const memory = this.#memory;
    const at = this.#used;
    const guess = at + headerBytes(payload.length);
    const length = memory.write(payload, guess, "utf8");
    const start = at + headerBytes(length);
    if (start !== guess) memory.copyWithin(start, guess, guess + length);
    this.#used = start + length;
    const frame = memory.subarray(at, start + length);
    writeHeader(frame, FINAL_TEXT, length);
    return frame;
  }
}

/** Of a frame of at most {@link SHARED_TEXT_BYTES_MAX}. */
const HEADER_BYTES_MAX = 4;
const SHARED_MEMORY = new SharedMemory();

/** A binary frame. The payload is copied. */
export function binaryFrame(payload: Uint8Array): Buffer {
  return frameOf(FINAL_BINARY, payload);
}

/** A frame with the given first byte. The payload is copied. */
export function frameOf(first: number, payload: Uint8Array): Buffer {
  const start = headerBytes(payload.byteLength);
  const bytes = Buffer.allocUnsafe(start + payload.byteLength);
  writeHeader(bytes, first, payload.byteLength);
  bytes.set(payload, start);
  return bytes;
}

function headerBytes(length: number): number {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}

function writeHeader(frame: Buffer, first: number, length: number): void {
  frame[0] = first;
  if (length < 126) {
    frame[1] = length;
  } else if (length < 65_536) {
    frame[1] = 126;
    frame[2] = length >> 8;
    frame[3] = length & 0xff;
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 4_294_967_296), 2);
    frame.writeUInt32BE(length % 4_294_967_296, 6);
  }
}
