/**
 * Where everything lies in the folder, byte for byte: the only file that knows. Numbers are big-endian, so that keys
 * sort as numbers do; `name`, `id`, `key` and `instance` are text in UTF-8.
 *
 *     carillon.json             what the folder is, and the format that it is in
 *     data.mdb, lock.mdb        one LMDB environment with two databases:
 *
 *     "fence": one entry, "owner", whose LMDB version is the term of the process that may write; each commit
 *     names its own term, so that two processes can never both append
 *
 *     main, by the first byte of the key
 *     ┌────┬──────────────────────────────────┬─────────────────────────────────────────────────────────────────────┐
 *     │ 01 │                                  │ head of the store: format, ids' epoch, secret, boot, counters       │
 *     │ 02 │ name                             │ head of a channel: number, kind, epoch, top, floor, …               │
 *     │ 03 │ number 4                         │ name of the channel that has the number                             │
 *     │ 04 │ number 4 │ offset 6              │ publication or amendment                                            │
 *     │ 05 │ number 4 │ id                    │ offset 6 of the newest copy of the publication's payload            │
 *     │ 06 │ number 4 │ key                   │ entry of a state channel, or the tombstone of one                   │
 *     │ 07 │ number 4 │ version 6             │ journal of a state channel: tag before, at, key                     │
 *     │ 08 │ number 4 │ instance │ 00 │ key   │ boot 4: who owns what, and since which start of the server          │
 *     │ 09 │ ends at 6 │ number 4 │ key       │ (00): entries by the time of their end                              │
 *     │ 0a │ number 4                         │ (00): a life of a channel that was removed, still to be cleared out │
 *     │ 0b │ commit 6                         │ at 6, then hash 8 of each publication id that came in the commit    │
 *     │ 0c │ commit 6                         │ the same ids in full, with their results                            │
 *     │ 0d │ key                              │ until 6, value: a credential                                        │
 *     │ 0e │ until 6 │ key                    │ (00): credentials by the time of their end                          │
 *     │ 0f │ user                             │ at 6, until 6: a revocation                                         │
 *     └────┴──────────────────────────────────┴─────────────────────────────────────────────────────────────────────┘
 *
 * A channel's *number* is that of its present life: removing a channel gives it another number, and what bears the old
 * one can be cleared out at leisure. Publications of a channel lie side by side in order, so that a page is one range.
 *
 * A payload lies in one place. The entry of a publication that was amended, and of every amendment but the last, has
 * none; 05 leads to the newest copy. An erasure is an amendment without a payload, and leaves nothing behind.
 */

/** What this code reads and writes. A store of a later format is refused; there is no earlier one. */
export const FORMAT = 1;
/** The first byte of every key of a kind. */
export const Kind = {
  store: 0x01,
  channel: 0x02,
  name: 0x03,
  entry: 0x04,
  id: 0x05,
  state: 0x06,
  journal: 0x07,
  owned: 0x08,
  end: 0x09,
  doomed: 0x0a,
  hashes: 0x0b,
  ids: 0x0c,
  credential: 0x0d,
  expiry: 0x0e,
  revocation: 0x0f,
} as const;

/** One of the kinds of keys. */
export type KeyKind = (typeof Kind)[keyof typeof Kind];

/** The kinds of what belongs to one life of a channel, and goes with it. */
export const KINDS_OF_CHANNEL: readonly KeyKind[] = [Kind.entry, Kind.id, Kind.state, Kind.journal, Kind.owned];

/** A value where the key says it all. */
export const PRESENT: Uint8Array = Buffer.from([0]);

/** The key of the store's head. */
export const STORE_KEY: Buffer = Buffer.from([Kind.store]);

/** Kind alone: where the range of a kind starts, and the range of the kind before it ends. */
export function kindKey(kind: number): Buffer {
  return Buffer.from([kind]);
}

/** Kind and text. */
export function textKey(kind: KeyKind, text: string): Buffer {
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  key[0] = kind;
  key.write(text, 1);
  return key;
}

/** Kind and channel number: a key of its own, and where a channel's range starts. */
export function numberKey(kind: KeyKind, number: number): Buffer {
  const key = Buffer.allocUnsafe(5);
  key[0] = kind;
  key.writeUInt32BE(number, 1);
  return key;
}

/** Kind, channel number, and an offset or version. */
export function offsetKey(kind: KeyKind, number: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(11);
  key[0] = kind;
  key.writeUInt32BE(number, 1);
  key.writeUIntBE(offset, 5, 6);
  return key;
}

/** The offset or version in a key that {@link offsetKey} made. */
export function offsetOf(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(5, 6);
}

/** Kind, channel number and text. */
export function numberTextKey(kind: KeyKind, number: number, text: string): Buffer {
  const key = Buffer.allocUnsafe(5 + Buffer.byteLength(text));
  key[0] = kind;
  key.writeUInt32BE(number, 1);
  key.write(text, 5);
  return key;
}

/** Where an instance's entries of a channel are listed: all of them start so. */
export function ownedPrefix(number: number, instance: string): Buffer {
  return numberTextKey(Kind.owned, number, `${instance}\0`);
}

/** One entry that an instance owns. */
export function ownedKey(number: number, instance: string, key: string): Buffer {
  return numberTextKey(Kind.owned, number, `${instance}\0${key}`);
}

/** When an entry ends. */
export function endKey(endsAt: number, number: number, key: string): Buffer {
  const buffer = Buffer.allocUnsafe(11 + Buffer.byteLength(key));
  buffer[0] = Kind.end;
  buffer.writeUIntBE(endsAt, 1, 6);
  buffer.writeUInt32BE(number, 7);
  buffer.write(key, 11);
  return buffer;
}

/** Kind and a number of six bytes: a time or a commit. Also where the range from that number on starts. */
export function sixKey(kind: KeyKind, value: number, text: string = ""): Buffer {
  const buffer = Buffer.allocUnsafe(7 + Buffer.byteLength(text));
  buffer[0] = kind;
  buffer.writeUIntBE(value, 1, 6);
  buffer.write(text, 7);
  return buffer;
}

/** The first key after every key that starts with this one. */
export function afterPrefix(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix);
  for (let index = end.length - 1; index >= 0; index--) {
    const byte = end[index] ?? 0;
    if (byte < 0xff) {
      end[index] = byte + 1;
      return end.subarray(0, index + 1);
    }
  }
  throw new RangeError("Expected a prefix that something can follow.");
}
