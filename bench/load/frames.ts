/**
 * Frames as a client sends them (RFC 6455, section 5.2). The masking key is zero, which the RFC does not forbid and
 * which leaves the payload as it is: the load generator has better things to do than to mask.
 */
export function clientFrame(opcode: 0x1 | 0x2 | 0xa, payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  if (bytes.length > 65_535) throw new RangeError(`Expected at most 65,535 bytes, got ${bytes.length}.`);
  const isShort = bytes.length < 126;
  const head = Buffer.alloc(isShort ? 6 : 8);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (isShort ? bytes.length : 126);
  if (!isShort) head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, bytes]);
}

/** The upgrade request for a path. */
export function upgradeRequest(path: string, protocol: string | null): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
