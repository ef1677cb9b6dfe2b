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

/** A text frame. Lone surrogates, which UTF-8 can't express, become U+FFFD. */
export function textFrame(payload: string): Buffer {
  const length = Buffer.byteLength(payload);
  const start = headerBytes(length);
  const bytes = Buffer.allocUnsafe(start + length);
  writeHeader(bytes, FINAL_TEXT, length);
  bytes.write(payload, start, length, "utf8");
  return bytes;
}

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
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 4_294_967_296), 2);
    frame.writeUInt32BE(length % 4_294_967_296, 6);
  }
}
