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
 *     │ 05 │ number 4 │ id                    │ offset 6 of the publication with the id                             │
 *     │ 06 │ number 4 │ offset 6              │ offset 6 of the newest copy of the publication's payload            │
 *     │ 07 │ number 4 │ key                   │ entry of a state channel, or the tombstone of one                   │
 *     │ 08 │ number 4 │ version 6             │ journal of a state channel: tag before, at, key                     │
 *     │ 09 │ number 4 │ instance │ 00 │ key   │ boot 4: who owns what, and since which start of the server          │
 *     │ 0a │ ends at 6 │ number 4 │ key       │ (00): entries by the time of their end                              │
 *     │ 0b │ number 4                         │ (00): a life of a channel that was removed, still to be cleared out │
 *     │ 0c │ commit 6                         │ at 6, then hash 8 of each publication id that came in the commit    │
 *     │ 0d │ commit 6 │ part 2                │ the same ids in full, with their results, some in a part            │
 *     │ 0e │ key                              │ until 6, value: a credential                                        │
 *     │ 0f │ until 6 │ key                    │ (00): credentials by the time of their end                          │
 *     │ 10 │ user                             │ at 6, until 6: a revocation                                         │
 *     └────┴──────────────────────────────────┴─────────────────────────────────────────────────────────────────────┘
 *
 * A channel's *number* is that of its present life: removing a channel gives it another number, and what bears the old
 * one can be cleared out at leisure. Publications of a channel lie side by side in order, so that a page is one range.
 *
 * A payload lies in one place. The entry of a publication that was amended, and of every amendment but the last, has
 * none; 06 leads to the newest copy. An erasure is an amendment without a payload, and leaves nothing behind.
 *
 * 05 lags: ids of a channel's newest publications are in memory, read from 04 when they are first needed, and go to 05
 * many at a time. Ids come in no order, so that each would cost a page of its own if it went there by itself.
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
  newest: 0x06,
  state: 0x07,
  journal: 0x08,
  owned: 0x09,
  end: 0x0a,
  doomed: 0x0b,
  hashes: 0x0c,
  ids: 0x0d,
  credential: 0x0e,
  expiry: 0x0f,
  revocation: 0x10,
} as const;

/** One of the kinds of keys. */
export type KeyKind = (typeof Kind)[keyof typeof Kind];

/** The kinds of what belongs to one life of a channel, and goes with it. */
export const KINDS_OF_CHANNEL: readonly KeyKind[] = [
  Kind.entry,
  Kind.id,
  Kind.newest,
  Kind.state,
  Kind.journal,
  Kind.owned,
];

/** A value where the key says it all. */
export const PRESENT: Uint8Array = Buffer.from([0]);

/**
 * A key: its bytes as the characters of a string. Strings are what a map can be asked for, and cost a fraction of what
 * a buffer does.
 */
export type Key = string;

/** The key of the store's head. */
export const STORE_KEY: Key = String.fromCharCode(Kind.store);

/** Kind alone: where the range of a kind starts, and the range of the kind before it ends. */
export function kindKey(kind: number): Key {
  return String.fromCharCode(kind);
}

/** Kind and text. */
export function textKey(kind: KeyKind, text: string): Key {
  return String.fromCharCode(kind) + bytesOf(text);
}

/** Kind and channel number: a key of its own, and where a channel's range starts. */
export function numberKey(kind: KeyKind, number: number): Key {
  return String.fromCharCode(kind, number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff);
}

/** Kind, channel number, and an offset or version. */
export function offsetKey(kind: KeyKind, number: number, offset: number): Key {
  return numberKey(kind, number) + six(offset);
}

/** Kind, channel number and text. */
export function numberTextKey(kind: KeyKind, number: number, text: string): Key {
  return numberKey(kind, number) + bytesOf(text);
}

/** Where an instance's entries of a channel are listed: all of them start so. */
export function ownedPrefix(number: number, instance: string): Key {
  return `${numberTextKey(Kind.owned, number, instance)}\0`;
}

/** One entry that an instance owns. */
export function ownedKey(number: number, instance: string, key: string): Key {
  return ownedPrefix(number, instance) + bytesOf(key);
}

/** When an entry ends. */
export function endKey(endsAt: number, number: number, key: string): Key {
  return sixKey(Kind.end, endsAt) + numberKey(Kind.end, number).slice(1) + bytesOf(key);
}

/** Kind and a number of six bytes: a time or a commit; and text. Without text, also where the range from there starts. */
export function sixKey(kind: KeyKind, value: number, text: string = ""): Key {
  return String.fromCharCode(kind) + six(value) + bytesOf(text);
}

/** Ids of a commit, a part of them. */
export function idsKey(commit: number, part: number): Key {
  return sixKey(Kind.ids, commit) + String.fromCharCode(part >>> 8, part & 0xff);
}

/** The first key after every key that starts with this one. Its first byte is a kind, and so never the highest. */
export function afterPrefix(prefix: Key): Key {
  const length = prefix.replace(HIGHEST, "").length;
  return prefix.slice(0, length - 1) + String.fromCharCode(byteAt(prefix, length - 1) + 1);
}

/** The first key after this one. */
export function nextKey(key: Key): Key {
  return `${key}\0`;
}

/** The number of four bytes at an index of a key. */
export function numberAt(key: Key, index: number): number {
  return (
    byteAt(key, index) * 2 ** 24 +
    ((byteAt(key, index + 1) << 16) | (byteAt(key, index + 2) << 8) | byteAt(key, index + 3))
  );
}

/** The number of six bytes at an index of a key. */
export function sixAt(key: Key, index: number): number {
  return numberAt(key, index) * 2 ** 16 + ((byteAt(key, index + 4) << 8) | byteAt(key, index + 5));
}

/** The offset or version in a key that {@link offsetKey} made. */
export function offsetOf(key: Key): number {
  return sixAt(key, 5);
}

/** The text in a key, from an index to its end or to another index. */
export function textAt(key: Key, index: number, end: number = key.length): string {
  const bytes = key.slice(index, end);
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, "latin1").toString();
}

/** Text of which every character is its own byte. */
const ASCII = /^[\0-\x7f]*$/;
/** What can't be counted up without a carry. */
const HIGHEST = /\xff+$/;

/** Text as the bytes of a key. */
function bytesOf(text: string): Key {
  return ASCII.test(text) ? text : Buffer.from(text).toString("latin1");
}

function six(value: number): Key {
  const high = Math.floor(value / 2 ** 32);
  const low = value % 2 ** 32;
  return String.fromCharCode(high >>> 8, high & 0xff, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff);
}

function byteAt(key: Key, index: number): number {
  return key.charCodeAt(index);
}
