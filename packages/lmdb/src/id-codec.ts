import { ByteReader, textBound, type ByteWriter } from "./bytes.ts";

/** A publication id that came in a commit, with the answer that it was given. */
export interface RememberedId {
  /** Channel, scope and id. */
  readonly key: string;
  readonly fingerprint: string;
  readonly pos: string;
  readonly at: number;
}

/** Bits of a hash as two numbers. */
export interface IdHash {
  readonly high: number;
  readonly low: number;
}

/** What {@link RememberedId} has beside its texts. */
const FIXED_BYTES = 16;

/** Writes ids in full: `key long │ fingerprint short │ pos short │ at 6`, one after the other. */
export function encodeIds(writer: ByteWriter, ids: readonly RememberedId[]): Uint8Array {
  let bound = 0;
  for (const { key, fingerprint, pos } of ids)
    bound += FIXED_BYTES + textBound(key) + textBound(fingerprint) + textBound(pos);
  writer.begin(bound);
  for (const { key, fingerprint, pos, at } of ids) {
    writer.long(key);
    writer.short(fingerprint);
    writer.short(pos);
    writer.six(at);
  }
  return writer.end();
}

/** The id with an index, or null when there are fewer. */
export function decodeId(value: Uint8Array, index: number): RememberedId | null {
  const reader = new ByteReader(value);
  for (let count = 0; reader.hasMore; count++) {
    const key = reader.long();
    const fingerprint = reader.short();
    const pos = reader.short();
    const at = reader.six();
    if (count === index) return { key, fingerprint, pos, at };
  }
  return null;
}

/** Writes when a commit was decided, and the hashes of its ids: all that a restart reads of it. */
export function encodeHashes(writer: ByteWriter, at: number, ids: readonly { readonly hash: IdHash }[]): Uint8Array {
  writer.begin(6 + ids.length * 8);
  writer.six(at);
  for (const {
    hash: { high, low },
  } of ids) {
    writer.four(high >>> 0);
    writer.four(low >>> 0);
  }
  return writer.end();
}

/** Reads what {@link encodeHashes} wrote. */
export function decodeHashes(value: Uint8Array): { readonly at: number; readonly hashes: readonly IdHash[] } {
  const reader = new ByteReader(value);
  const at = reader.six();
  const hashes: IdHash[] = [];
  while (reader.hasMore) {
    const high = reader.four() | 0;
    hashes.push({ high, low: reader.four() | 0 });
  }
  return { at, hashes };
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BITS: ReadonlyMap<number, number> = new Map(
  Array.from(ALPHABET, (character, index) => [character.charCodeAt(0), index]),
);

/** The first 60 bits of a hash in base64url, 30 in each number. */
export function hashOf(text: string): IdHash {
  let high = 0;
  let low = 0;
  for (let index = 0; index < 5; index++) high = (high << 6) | (BITS.get(text.charCodeAt(index)) ?? 0);
  for (let index = 5; index < 10; index++) low = (low << 6) | (BITS.get(text.charCodeAt(index)) ?? 0);
  return { high, low };
}
