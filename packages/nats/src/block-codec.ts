import type { LogRecord, Payload } from "@carillon/server/backplane";
import {
  isGone,
  type Block,
  type CarriedEntry,
  type LogBlock,
  type Segment,
  type StateBlock,
  type StoredChange,
  type StoredEntry,
  type StoredRecord,
} from "./block.ts";
import { parseJson } from "./json.ts";

/**
 * A block as bytes. First what it says, as JSON; then the payloads one after another, since they are the bulk, and some
 * are bytes that JSON has no place for:
 *
 *     byte   format
 *     u32    length of the head, big endian
 *     head   JSON; each payload stands there as its length, negative minus one for bytes, null for none
 *     rest   payloads in the order of the head
 */
const FORMAT = 1;
const HEAD_START = 5;

/** A payload's place in the rest. */
type Length = number | null;
type Publisher = readonly [user: string, instance: string] | null;

interface RecordHead {
  readonly i: string;
  readonly t: number;
  readonly d: Length;
  readonly p: Publisher;
  readonly x: number;
  /** Scope and fingerprint. */
  readonly k: readonly [string, string] | null;
  /** An amendment's target. */
  readonly a?: string;
  readonly g?: Readonly<Record<string, string>> | null;
  readonly m?: Readonly<Record<string, string>> | null;
  readonly v: number;
}

interface SegmentHead {
  readonly n: string;
  readonly o: number;
  readonly b: string;
  readonly r: readonly RecordHead[];
}

interface EntryHead {
  readonly k: string;
  readonly t: number;
  readonly d: Length;
  readonly p: Publisher;
  readonly h: string | null;
  readonly n: string;
  readonly x: number;
  readonly v?: number;
}

interface GoneHead {
  readonly k: string;
  readonly t: number;
  /** 2: for the silence of its node. */
  readonly gone: 1 | 2;
  readonly h?: string;
}

interface BlockHead {
  readonly e: string;
  readonly n: string;
  readonly l: string;
  readonly t: number;
  readonly z?: 1;
  readonly own?: SegmentHead;
  readonly carried?: readonly SegmentHead[];
  readonly ids?: LogBlock["ids"];
  readonly state?: {
    readonly o: number;
    readonly b: string;
    readonly f: StateBlock["refreshes"];
    readonly c: readonly (EntryHead | GoneHead)[];
    readonly k: readonly EntryHead[];
  };
}

/** Bytes of a block. */
export function encodeBlock(block: Block): Uint8Array {
  const out = new PayloadWriter();
  const { epoch, nonce, after, at, isBirth } = block;
  const common = { e: epoch, n: nonce, l: after, t: at, ...(isBirth ? { z: 1 as const } : {}) };
  const head: BlockHead =
    block.kind === "log"
      ? {
          ...common,
          own: segmentHead(block.own, out),
          ...(block.carried.length > 0 ? { carried: block.carried.map((segment) => segmentHead(segment, out)) } : {}),
          ...(block.ids.length > 0 ? { ids: block.ids } : {}),
        }
      : {
          ...common,
          state: {
            o: block.offset,
            b: block.tag,
            f: block.refreshes,
            c: block.changes.map((change) => (isGone(change) ? goneHead(change) : entryHead(change, out))),
            k: block.carried.map((entry) => ({ ...entryHead(entry, out), v: entry.version })),
          },
        };
  return out.finish(JSON.stringify(head));
}

/** The block, or null for what is none, or of a format that is newer than this code. */
export function decodeBlock(data: Uint8Array): Block | null {
  if (data.length < HEAD_START || data[0] !== FORMAT) return null;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const headEnd = HEAD_START + bytes.readUInt32BE(1);
  let head: BlockHead;
  try {
    head = parseJson<BlockHead>(bytes.toString("utf8", HEAD_START, headEnd));
  } catch {
    return null;
  }
  const read = new PayloadReader(bytes, headEnd);
  const common = { epoch: head.e, nonce: head.n, after: head.l, at: head.t, isBirth: head.z === 1 };
  if (head.own !== undefined) {
    const own = decodeSegment(head.own, read);
    const carried = (head.carried ?? []).map((part) => decodeSegment(part, read));
    return { ...common, kind: "log", own, carried, ids: head.ids ?? [] };
  }
  if (head.state === undefined) return null;
  const { o, b, f, c, k } = head.state;
  const changes = c.map((change): StoredChange => ("gone" in change ? decodeGone(change) : decodeEntry(change, read)));
  const carried = k.map((kept): CarriedEntry => ({ ...decodeEntry(kept, read), version: kept.v ?? 0 }));
  return { ...common, kind: "state", offset: o, tag: b, refreshes: f, changes, carried };
}

function segmentHead({ nonce, offset, tag, records }: Segment, out: PayloadWriter): SegmentHead {
  return { n: nonce, o: offset, b: tag, r: records.map((stored) => recordHead(stored, out)) };
}

function recordHead({ record, key }: StoredRecord, out: PayloadWriter): RecordHead {
  const { id, at, data, publisher, expires, version } = record;
  const head: RecordHead = {
    i: id,
    t: at,
    d: out.add(data),
    p: publisher === null ? null : [publisher.user, publisher.instance],
    x: expires,
    v: version,
    k: key === null ? null : [key.scope, key.fingerprint],
  };
  if (record.kind === "amend") return { ...head, a: record.amend };
  return { ...head, g: record.tags, m: record.meta };
}

function decodeSegment({ n, o, b, r }: SegmentHead, read: PayloadReader): Segment {
  return { nonce: n, offset: o, tag: b, records: r.map((head) => decodeRecord(head, read)) };
}

function decodeRecord({ i, t, d, p, x, k, a, g, m, v }: RecordHead, read: PayloadReader): StoredRecord {
  const publisher = p === null ? null : { user: p[0], instance: p[1] };
  const common = { id: i, at: t, data: read.next(d), publisher, expires: x, version: v };
  const record: LogRecord =
    a === undefined
      ? { kind: "publication", ...common, tags: g ?? null, meta: m ?? null }
      : { kind: "amend", ...common, amend: a };
  return { record, key: k === null ? null : { scope: k[0], fingerprint: k[1] } };
}

function entryHead({ key, at, data, owner, holder, node, ends }: StoredEntry, out: PayloadWriter): EntryHead {
  const p = owner === null ? null : ([owner.user, owner.instance] as const);
  return { k: key, t: at, d: out.add(data), p, h: holder, n: node, x: ends };
}

function goneHead({ key, at, holder, isReaped }: Extract<StoredChange, { isGone: true }>): GoneHead {
  return { k: key, t: at, gone: isReaped === true ? 2 : 1, ...(holder === undefined ? {} : { h: holder }) };
}

function decodeGone({ k, t, gone, h }: GoneHead): StoredChange {
  const holder = h === undefined ? {} : { holder: h };
  return { key: k, at: t, isGone: true, ...holder, ...(gone === 2 ? { isReaped: true } : {}) };
}

function decodeEntry({ k, t, d, p, h, n, x }: EntryHead, read: PayloadReader): StoredEntry {
  const owner = p === null ? null : { user: p[0], instance: p[1] };
  return { key: k, at: t, data: read.next(d), owner, holder: h, node: n, ends: x };
}

class PayloadWriter {
  readonly #payloads: (string | Uint8Array)[] = [];
  #length = 0;

  add(data: Payload): Length {
    if (data === null) return null;
    const length = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
    this.#payloads.push(data);
    this.#length += length;
    return typeof data === "string" ? length : -length - 1;
  }

  finish(head: string): Uint8Array {
    const headLength = Buffer.byteLength(head);
    const bytes = Buffer.allocUnsafe(HEAD_START + headLength + this.#length);
    bytes[0] = FORMAT;
    bytes.writeUInt32BE(headLength, 1);
    let end = HEAD_START + bytes.write(head, HEAD_START);
    for (const data of this.#payloads) {
      if (typeof data === "string") end += bytes.write(data, end);
      else {
        bytes.set(data, end);
        end += data.byteLength;
      }
    }
    return bytes;
  }
}

class PayloadReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** Copies, so that a payload that is kept does not keep the whole message. */
  next(length: Length): Payload {
    if (length === null) return null;
    const start = this.#at;
    this.#at += length < 0 ? -length - 1 : length;
    if (length < 0) return Uint8Array.from(this.#bytes.subarray(start, this.#at));
    return this.#bytes.toString("utf8", start, this.#at);
  }
}
