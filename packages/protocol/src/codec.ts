/**
 * The codec `carillon.1.json`: turns messages into frames of a WebSocket and back.
 *
 * A text frame holds one or more JSON messages, one a line ("\n" between them; JSON itself never contains a raw one).
 * A binary frame holds one or more records, for messages with binary data:
 *
 *     ┌────────────┬───────────┬────────────┬───────┐
 *     │ u32 length │ JSON head │ u32 length │ bytes │  … repeated; lengths are big-endian
 *     └────────────┴───────────┴────────────┴───────┘
 *
 * The bytes of a record belong to the items of its head that say `bytes: n`, in their order, without a gap.
 */

/** The WebSocket subprotocol that names this codec. */
export const SUBPROTOCOL = "carillon.1.json";

/** A decoded message: its JSON head, and the bytes that follow it in a binary frame (empty for a text frame). */
export interface Decoded {
  readonly head: unknown;
  readonly body: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/**
 * Decodes a text frame. Throws a `SyntaxError` when a line is not JSON or an `Error` when there are more than
 * `messagesMax` lines. Empty lines are passed over.
 */
export function decodeText(text: string, messagesMax: number): Decoded[] {
  const messages: Decoded[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    if (end > start) {
      if (messages.length === messagesMax) throw new Error(`Expected at most ${messagesMax} messages in a frame.`);
      messages.push({ head: JSON.parse(text.slice(start, end)), body: EMPTY });
    }
    start = end + 1;
  }
  return messages;
}

/**
 * Decodes a binary frame. The bodies are views of `frame`, not copies. Throws an `Error` when a length points past the
 * end or there are more than `messagesMax` records, a `SyntaxError` when a head is not JSON, a `TypeError` when it is
 * not UTF-8.
 */
export function decodeBinary(frame: Uint8Array, messagesMax: number): Decoded[] {
  const messages: Decoded[] = [];
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let offset = 0; offset < frame.byteLength;) {
    if (messages.length === messagesMax) throw new Error(`Expected at most ${messagesMax} messages in a frame.`);
    const head = segment(frame, view, offset);
    const body = segment(frame, view, offset + 4 + head.byteLength);
    messages.push({ head: JSON.parse(decoder.decode(head)), body });
    offset += 8 + head.byteLength + body.byteLength;
  }
  return messages;
}

function segment(frame: Uint8Array, view: DataView, offset: number): Uint8Array {
  const length = offset + 4 <= frame.byteLength ? view.getUint32(offset) : -1;
  if (length < 0 || offset + 4 + length > frame.byteLength) {
    throw new Error(`Expected a length and that many bytes at byte ${offset}, got the end of the frame.`);
  }
  return frame.subarray(offset + 4, offset + 4 + length);
}

/** Encodes one record of a binary frame: the JSON text of the head, then the bodies, joined. */
export function encodeRecord(head: string, bodies: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const encoded = new TextEncoder().encode(head);
  const bodyLength = bodies.reduce((sum, body) => sum + body.byteLength, 0);
  const record = new Uint8Array(8 + encoded.byteLength + bodyLength);
  const view = new DataView(record.buffer);
  view.setUint32(0, encoded.byteLength);
  record.set(encoded, 4);
  view.setUint32(4 + encoded.byteLength, bodyLength);
  let offset = 8 + encoded.byteLength;
  for (const body of bodies) {
    record.set(body, offset);
    offset += body.byteLength;
  }
  return record;
}
