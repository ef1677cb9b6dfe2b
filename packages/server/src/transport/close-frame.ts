/** Most bytes of a close frame's reason (RFC 6455, section 5.5). */
const REASON_BYTES_MAX = 123;

/** True for a code that may stand in a close frame (RFC 6455, section 7.4, and the registry of IANA). */
export function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  const isReserved = code === 1004 || code === 1005 || code === 1006;
  return (code >= 1000 && code <= 1014 && !isReserved) || (code >= 3000 && code <= 4999);
}

/** The reason in at most 123 bytes, cut between characters. */
export function cutReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.byteLength <= REASON_BYTES_MAX) return reason;
  let end = REASON_BYTES_MAX;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
