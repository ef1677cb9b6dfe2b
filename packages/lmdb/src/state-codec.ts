import type { Publisher } from "@carillon/protocol";
import type { Payload } from "@carillon/server/backplane";
import { ByteReader, textBound, type ByteWriter } from "./bytes.ts";
import { publisherBound, readPublisher, writePublisher } from "./publisher-codec.ts";

/**
 * An entry of a state channel at rest, or what is left of one that ended:
 *
 *     flags 1 │ version 6 │ at 6 │ ends at 6 │ owner? │ holder short? │ payload
 */
export interface StoredEntry {
  readonly version: number;
  readonly at: number;
  /** True: it ended; but for the holder the rest means nothing. */
  readonly isTombstone: boolean;
  readonly data: Payload;
  readonly owner: Publisher | null;
  /** The session that set it, and speaks for the owner; of one that ended, the last that had to do with it. */
  readonly holder: string | null;
  /** Store time at which it ends; 0: never. */
  readonly endsAt: number;
}

/** One past change of a state channel: `tag before short │ at 6 │ key`. */
export interface StoredChange {
  /** The tag of the place before the change: the link that proves contiguity. */
  readonly before: string;
  readonly at: number;
  readonly key: string;
}

const PayloadForm = { none: 0, text: 1, bytes: 2 } as const;
const PAYLOAD_MASK = 3;
const Flag = { tombstone: 4, owner: 8, holder: 16 } as const;
/** What has a fixed size, and the lengths: fewer bytes than this. */
const FIXED_BYTES = 48;

/** Writes an entry. */
export function encodeStored(writer: ByteWriter, entry: StoredEntry): Uint8Array {
  const { version, at, isTombstone, data, owner, holder, endsAt } = entry;
  const payload = data === null ? 0 : typeof data === "string" ? textBound(data) : data.byteLength;
  const form = data === null ? PayloadForm.none : typeof data === "string" ? PayloadForm.text : PayloadForm.bytes;
  writer.begin(FIXED_BYTES + publisherBound(owner) + textBound(holder ?? "") + payload);
  writer.one(
    form | (isTombstone ? Flag.tombstone : 0) | (owner === null ? 0 : Flag.owner) | (holder === null ? 0 : Flag.holder),
  );
  writer.six(version);
  writer.six(at);
  writer.six(endsAt);
  writePublisher(writer, owner);
  if (holder !== null) writer.short(holder);
  if (data !== null) writer.rest(data);
  return writer.end();
}

/** Reads an entry. */
export function decodeStored(value: Uint8Array): StoredEntry {
  const reader = new ByteReader(value);
  const flags = reader.one();
  const version = reader.six();
  const at = reader.six();
  const endsAt = reader.six();
  const owner = (flags & Flag.owner) === 0 ? null : readPublisher(reader);
  const holder = (flags & Flag.holder) === 0 ? null : reader.short();
  const form = flags & PAYLOAD_MASK;
  const data: Payload =
    form === PayloadForm.text ? reader.restText() : form === PayloadForm.bytes ? reader.restBytes() : null;
  return { version, at, isTombstone: (flags & Flag.tombstone) !== 0, data, owner, holder, endsAt };
}

/** Writes a change. */
export function encodeChange(writer: ByteWriter, { before, at, key }: StoredChange): Uint8Array {
  writer.begin(FIXED_BYTES + textBound(before) + textBound(key));
  writer.short(before);
  writer.six(at);
  writer.rest(key);
  return writer.end();
}

/** Reads a change. */
export function decodeChange(value: Uint8Array): StoredChange {
  const reader = new ByteReader(value);
  const before = reader.short();
  const at = reader.six();
  return { before, at, key: reader.restText() };
}
