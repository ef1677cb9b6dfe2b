/**
 * Bytes of a text in a message at most. The server takes 64 KiB (65,536) of a whole command as JSON; what is around
 * the text, quote and names included, has the rest.
 */
export const TEXT_BYTES_MAX = 58_000;
/** Characters of a text at most, as the contract says. */
const TEXT_CHARACTERS_MAX = 60_000;

/** Bytes of a text as it goes over the wire. */
export function wireBytes(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).byteLength;
}

/** What is wrong with the length of a text, in words for the person who wrote it; null if nothing is. */
export function lengthProblem(text: string): string | null {
  // No character takes more than six bytes, so most texts need not be measured.
  if (text.length * 6 <= TEXT_BYTES_MAX) return null;
  const bytes = wireBytes(text);
  if (bytes <= TEXT_BYTES_MAX && text.length <= TEXT_CHARACTERS_MAX) return null;
  return `This message is too long: ${kilobytes(bytes)} kB, and ${kilobytes(TEXT_BYTES_MAX)} kB is the most. Shorten it, or send it in parts.`;
}

function kilobytes(bytes: number): string {
  return (Math.ceil(bytes / 100) / 10).toLocaleString();
}
