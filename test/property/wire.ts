/** A message as it came off the wire: its head, and the bytes that follow it. */
export type WireMessage = Readonly<Record<string, unknown>> & { readonly body: Uint8Array };

const NO_BYTES = new Uint8Array(0);

/** Reads the messages of a text frame, one a line. */
export function decodeTextFrame(frame: string): WireMessage[] {
  return frame.split("\n").map((line) => ({ ...(JSON.parse(line) as Record<string, unknown>), body: NO_BYTES }));
}

/** Reads the records of a binary frame, as PROTOCOL.md, section 1, has them. */
export function decodeBinaryFrame(frame: Uint8Array): WireMessage[] {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const messages: WireMessage[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const headEnd = offset + 4 + bytes.readUInt32BE(offset);
    const bodyEnd = headEnd + 4 + bytes.readUInt32BE(headEnd);
    const head = JSON.parse(bytes.toString("utf8", offset + 4, headEnd)) as Record<string, unknown>;
    messages.push({ ...head, body: bytes.subarray(headEnd + 4, bodyEnd) });
    offset = bodyEnd;
  }
  return messages;
}

/** Writes a binary frame of one record. */
export function encodeBinaryFrame(head: object, body: Uint8Array): Uint8Array {
  const text = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(text.length, 0);
  lengths.writeUInt32BE(body.byteLength, 4);
  return Buffer.concat([lengths.subarray(0, 4), text, lengths.subarray(4), body]);
}
