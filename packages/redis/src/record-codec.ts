import {
  formatPlace,
  type ChannelRecord,
  type EntryRecord,
  type LogRecord,
  type Payload,
} from "@carillon/server/backplane";
import type { AppendRequest } from "@carillon/server/backplane";
import type { Position, Publisher } from "@carillon/protocol";
import { readPlace, tagOf, type StoredPlace } from "./place-codec.ts";
import { StrangeReply } from "./reply.ts";

/**
 * How records travel between nodes and scripts. A payload has one character in front: `j` for text, `b` for bytes, `-` for
 * nothing. In a log the version of the schema follows, and a colon: it moves with the payload when that is amended. Items come as chunks, `<bytes of line> <bytes of payload>`, a line break, line and payload; see
 * {@link readChunks} for the lines.
 */

const LINE_BREAK = 10;
const COLON = 58;
const BLANK = 32;
const ZERO = 48;
/** Digits of a tag, and the blank behind it. */
const TAG_SIZE = 17;
const TEXT = "j".charCodeAt(0);
const BYTES = "b".charCodeAt(0);
const NO_PAYLOAD = "-";
const BYTES_MARK = Buffer.from("b");

/** A payload as scripts take it. */
export function encodePayload(data: Payload): string | Buffer {
  if (data === null) return NO_PAYLOAD;
  return typeof data === "string" ? `j${data}` : Buffer.concat([BYTES_MARK, data]);
}

/** The payload of a log, with the version that it was written under. */
function encodeVersioned(data: Payload, version: number): string | Buffer {
  if (data === null) return `-${version}:`;
  return typeof data === "string" ? `j${version}:${data}` : Buffer.concat([Buffer.from(`b${version}:`), data]);
}

/** The payload that was encoded so. Bytes are copied: they must not keep a whole message alive. */
function decodePayload(stored: Buffer): Payload {
  return decodeData(stored, stored[0], 1, stored.length);
}

function decodeData(buffer: Buffer, mark: number | undefined, start: number, end: number): Payload {
  if (mark === TEXT) return buffer.toString("utf8", start, end);
  return mark === BYTES ? new Uint8Array(buffer.subarray(start, end)) : null;
}

/** The digits at a place, as a number; it goes on to the first byte that is none. */
function numberIn(buffer: Buffer, start: number): number {
  let number = 0;
  for (let at = start; ; at++) {
    const digit = (buffer[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return number;
    number = number * 10 + digit;
  }
}

/** What an append brings: what scripts need not know, as JSON in the shortest form, and the payload. */
export function encodeRecord({
  id,
  data,
  publisher,
  tags,
  meta,
  version,
  amend,
}: AppendRequest): [string, string | Buffer] {
  const by = publisher === null ? null : [publisher.user, publisher.instance];
  const head = amend === null && (tags !== null || meta !== null) ? [id, by, tags, meta] : [id, by];
  return [JSON.stringify(head), encodeVersioned(data, version)];
}

type Head = readonly [
  id: string,
  by: readonly [string, string] | null,
  tags?: Readonly<Record<string, string>> | null,
  meta?: Readonly<Record<string, string>> | null,
];

/** Where a line of a log and its payload stand in a message. */
interface Bounds {
  readonly lineStart: number;
  readonly lineEnd: number;
  readonly dataEnd: number;
}

function decodeLog(buffer: Buffer, { lineStart, lineEnd, dataEnd }: Bounds): LogRecord {
  const line = buffer.toString("utf8", lineStart, lineEnd);
  const end = line.indexOf("\n");
  const atEnd = line.indexOf(" ", TAG_SIZE);
  const expiresEnd = line.indexOf(" ", atEnd + 1);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Written by encodeRecord, and nobody else writes there.
  const [id, by, tags = null, meta = null] = JSON.parse(line.slice(end + 1)) as Head;
  const publisher: Publisher | null = by === null ? null : { user: by[0], instance: by[1] };
  const at = Number(line.slice(TAG_SIZE, atEnd));
  const expires = Number(line.slice(atEnd + 1, expiresEnd));
  const version = numberIn(buffer, lineEnd + 1);
  const data = decodeData(buffer, buffer[lineEnd], buffer.indexOf(COLON, lineEnd) + 1, dataEnd);
  if (line.startsWith("p", expiresEnd + 1)) {
    return { kind: "publication", id, at, data, publisher, expires, version, tags, meta };
  }
  const amend = line.slice(expiresEnd + 3, end);
  return { kind: "amend", id, at, data, publisher, expires, version, amend };
}

/** The owner of an entry as scripts take it: instance, line break, user. */
export function encodeOwner(owner: Publisher | null): string {
  return owner === null ? "" : `${owner.instance}\n${owner.user}`;
}

function decodeOwner(text: string): Publisher | null {
  const end = text.indexOf("\n");
  return end === -1 ? null : { user: text.slice(end + 1), instance: text.slice(0, end) };
}

function decodeState(line: Buffer, payload: Buffer): ChannelRecord {
  const end = line.indexOf(LINE_BREAK);
  const [kind, version, at, keySize] = line.toString("latin1", 0, end).split(" ");
  const keyEnd = end + 1 + Number(keySize);
  const key = line.toString("utf8", end + 1, keyEnd);
  if (kind === "r") return { kind: "removal", key, version: Number(version) };
  const owner = decodeOwner(line.toString("utf8", keyEnd));
  return { kind: "entry", key, version: Number(version), at: Number(at), data: decodePayload(payload), owner };
}

/** An item and the tag of the place before it; of a state channel, "". */
export interface StoredItem {
  readonly before: string;
  readonly record: ChannelRecord;
}

/**
 * Reads chunks. A line of a log is `<tag before> <at> <expires> p|a <id, or target>`, a line break, and the head; one of a
 * state channel is `e|r <version> <at> <bytes of key>`, a line break, key and owner.
 */
export function readChunks(buffer: Buffer, start: number = 0): StoredItem[] {
  const items: StoredItem[] = [];
  let at = start;
  while (at < buffer.length) {
    const end = buffer.indexOf(LINE_BREAK, at);
    const lineStart = end + 1;
    const lineEnd = lineStart + numberIn(buffer, at);
    const dataEnd = lineEnd + numberIn(buffer, buffer.indexOf(BLANK, at) + 1);
    // Whatever isn't one of ours must not be read past its end.
    if (end === -1 || !(dataEnd > at && dataEnd <= buffer.length)) throw new StrangeReply("whole chunks");
    // A tag has 16 digits; a line of a state channel starts with one letter.
    if (buffer[lineStart + 1] === BLANK) {
      const record = decodeState(buffer.subarray(lineStart, lineEnd), buffer.subarray(lineEnd, dataEnd));
      items.push({ before: "", record });
    } else {
      const before = buffer.toString("latin1", lineStart, lineStart + TAG_SIZE - 1);
      items.push({ before, record: decodeLog(buffer, { lineStart, lineEnd, dataEnd }) });
    }
    at = dataEnd;
  }
  return items;
}

/** What was published on a shard channel: places before and after, and the items between them. */
export interface LiveMessage {
  readonly prev: StoredPlace;
  readonly pos: StoredPlace;
  readonly items: readonly StoredItem[];
}

/** Reads a live message; throws for one that no script of ours wrote. */
export function readLive(message: Buffer): LiveMessage {
  const first = message.indexOf(LINE_BREAK);
  const second = message.indexOf(LINE_BREAK, first + 1);
  const prev = readPlace(message.toString("latin1", 0, first));
  const pos = readPlace(message.toString("latin1", first + 1, second));
  return { prev, pos, items: readChunks(message, second + 1) };
}

/** The position before an item of a log. */
export function positionBefore(epoch: string, offset: number, before: string): Position {
  return formatPlace({ epoch, offset, tag: tagOf(before) });
}

/** Reads an entry of a state channel as it is kept; null for a tombstone. */
export function readEntry(key: string, value: Buffer): EntryRecord | null {
  const end = value.indexOf(LINE_BREAK);
  if (end === -1) return null;
  const [version, at, ownerSize, holderSize, nodeSize] = value.toString("latin1", 0, end).split(" ").map(Number);
  if (version === undefined || at === undefined || ownerSize === undefined) return null;
  const ownerEnd = end + 1 + ownerSize;
  const owner = decodeOwner(value.toString("utf8", end + 1, ownerEnd));
  const data = decodePayload(value.subarray(ownerEnd + (holderSize ?? 0) + (nodeSize ?? 0)));
  return { kind: "entry", key, version, at, data, owner };
}
