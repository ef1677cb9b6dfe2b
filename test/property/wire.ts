import type { Item } from "@carillon/protocol";
import type { Received } from "@carillon/server/testing";

/** A message as it came off the wire: its head, and the bytes that follow it. */
export type WireMessage = Readonly<Record<string, unknown>> & { readonly body: Uint8Array };

/** A reply to a command: one of `ok` and `error`. */
export interface Reply {
  readonly ok?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly retry: boolean };
  readonly body: Uint8Array;
}

/** A payload as clients and judges compare it: JSON text; `b:` and base64 for bytes; null for an erased one. */
export type Shown = string | null;

const NO_BYTES = new Uint8Array(0);

/** Reads the messages of a frame, as PROTOCOL.md, section 1, has them. */
export function decodeFrame(frame: Extract<Received, { type: "text" | "binary" }>): WireMessage[] {
  if (frame.type === "binary") return decodeRecords(frame.payload);
  return frame.payload
    .split("\n")
    .map((line) => ({ ...(JSON.parse(line) as Record<string, unknown>), body: NO_BYTES }));
}

/** Writes a command: a text frame, or a binary one if its `bytes` are bytes. */
export function encodeCommand(command: Readonly<Record<string, unknown>>): string | Uint8Array {
  const { bytes, ...rest } = command;
  if (!(bytes instanceof Uint8Array)) return JSON.stringify(command);
  const head = Buffer.from(JSON.stringify({ ...rest, bytes: bytes.byteLength }));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(head.length, 0);
  lengths.writeUInt32BE(bytes.byteLength, 4);
  return Buffer.concat([lengths.subarray(0, 4), head, lengths.subarray(4), bytes]);
}

/** The fields of a command that carry a payload. */
export function payloadFields(value: Shown): Readonly<Record<string, unknown>> {
  if (value === null) return { erased: true };
  if (value.startsWith("b:")) return { bytes: Buffer.from(value.slice(2), "base64") };
  return { data: JSON.parse(value) as unknown };
}

/** The payloads of items, in order; bytes follow the head. */
export function shownOf(items: readonly Item[], body: Uint8Array): Shown[] {
  let offset = 0;
  return items.map((item) => {
    if ("removed" in item || item.erased === true) return null;
    if (item.bytes === undefined) return JSON.stringify(item.data);
    offset += item.bytes;
    return showBytes(body.subarray(offset - item.bytes, offset));
  });
}

/** Bytes as they are compared. */
export function showBytes(bytes: Uint8Array): Shown {
  return `b:${Buffer.from(bytes).toString("base64")}`;
}

function decodeRecords(frame: Uint8Array): WireMessage[] {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const messages: WireMessage[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const headEnd = offset + 4 + bytes.readUInt32BE(offset);
    const bodyEnd = headEnd + 4 + bytes.readUInt32BE(headEnd);
    const head = JSON.parse(bytes.toString("utf8", offset + 4, headEnd)) as Record<string, unknown>;
    messages.push({ ...head, body: bytes.subarray(headEnd + 4, bodyEnd) });
    offset = bodyEnd;
  }
  return messages;
}
