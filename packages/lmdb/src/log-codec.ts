import type { Publisher } from "@carillon/protocol";
import type { LogRecord, Payload } from "@carillon/server/backplane";
import { ByteReader, textBound, type ByteWriter } from "./bytes.ts";
import { publisherBound, readPublisher, writePublisher } from "./publisher-codec.ts";

/**
 * A publication or amendment at rest:
 *
 *     flags 2 │ at 6 │ tag short │ id short │ target short, origin 6 │ publisher? │ author? │ expires 6? │ aged 6? │ version 4? │
 *     [tags, meta] long, JSON? │ payload
 */
export interface LogEntry {
  readonly record: LogRecord;
  /** The tag of the place after the entry (P5). */
  readonly tag: string;
  /** True: its payload lies with the newest copy of the publication. */
  readonly isMoved: boolean;
  /** Of an amendment: the offset of the publication that it changes. Of a publication: 0. */
  readonly origin: number;
  /** Who published what an amendment changes; of a publication, its publisher. */
  readonly author: Publisher | null;
  /**
   * The latest store time that the channel had seen when the entry came. It never falls from entry to entry, so that
   * the end of what is too old is found by halving, even if the clock was set back.
   */
  readonly agedAt: number;
}

/** What an entry's record would be if its payload were looked up: everything that is needed to look. */
const PayloadForm = { none: 0, text: 1, bytes: 2, moved: 3 } as const;
const PAYLOAD_MASK = 3;
const Flag = { amend: 4, publisher: 8, author: 16, expires: 32, aged: 64, version: 128, annotations: 256 } as const;

/** Writes an entry. */
export function encodeEntry(writer: ByteWriter, entry: LogEntry): Uint8Array {
  const { record, tag, author, agedAt } = entry;
  const annotations = annotationsOf(record);
  const isAmend = record.kind === "amend";
  const { version } = record;
  writer.begin(boundOf(entry, annotations));
  writer.two(
    formOf(entry) |
      flag(isAmend, Flag.amend) |
      flag(record.publisher !== null, Flag.publisher) |
      flag(isAmend && author !== null, Flag.author) |
      flag(record.expires !== 0, Flag.expires) |
      flag(agedAt !== record.at, Flag.aged) |
      flag(version !== 1, Flag.version) |
      flag(annotations !== "", Flag.annotations),
  );
  writer.six(record.at);
  writer.short(tag);
  writer.short(record.id);
  if (isAmend) {
    writer.short(record.amend);
    writer.six(entry.origin);
  }
  writePublisher(writer, record.publisher);
  if (isAmend) writePublisher(writer, author);
  if (record.expires !== 0) writer.six(record.expires);
  if (agedAt !== record.at) writer.six(agedAt);
  if (version !== 1) writer.four(version);
  if (annotations !== "") writer.long(annotations);
  if (!entry.isMoved && record.data !== null) writer.rest(record.data);
  return writer.end();
}

/** Reads an entry. The data of one that was moved is null. */
export function decodeEntry(value: Uint8Array): LogEntry {
  const reader = new ByteReader(value);
  const flags = reader.two();
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const at = reader.six();
  const tag = reader.short();
  const id = reader.short();
  const amend = has(Flag.amend) ? reader.short() : null;
  const origin = amend === null ? 0 : reader.six();
  const publisher = has(Flag.publisher) ? readPublisher(reader) : null;
  const author = has(Flag.author) ? readPublisher(reader) : null;
  const expires = has(Flag.expires) ? reader.six() : 0;
  const agedAt = has(Flag.aged) ? reader.six() : at;
  const version = has(Flag.version) ? reader.four() : 1;
  const { tags, meta } = has(Flag.annotations) ? readAnnotations(reader.long()) : NO_ANNOTATIONS;
  const form = flags & PAYLOAD_MASK;
  const data: Payload =
    form === PayloadForm.text ? reader.restText() : form === PayloadForm.bytes ? reader.restBytes() : null;
  const isMoved = form === PayloadForm.moved;
  if (amend !== null) {
    const record: LogRecord = { kind: "amend", id, amend, at, data, publisher, expires, version };
    return { record, tag, isMoved, origin, author, agedAt };
  }
  const record: LogRecord = { kind: "publication", id, at, data, publisher, tags, meta, expires, version };
  return { record, tag, isMoved, origin, author: publisher, agedAt };
}

/** What has to be known of an entry to take it away. */
export interface EntrySummary {
  /** The publication that it is a copy of. */
  readonly publication: string;
  readonly isAmend: boolean;
  readonly isMoved: boolean;
  readonly origin: number;
  readonly tag: string;
  readonly agedAt: number;
}

/** Reads what an {@link EntrySummary} has of an entry: a fraction of the work, of which trimming does a lot. */
export function decodeSummary(value: Uint8Array): EntrySummary {
  const reader = new ByteReader(value);
  const flags = reader.two();
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const at = reader.six();
  const tag = reader.short();
  const isAmend = has(Flag.amend);
  if (isAmend) reader.skipShort();
  const publication = reader.short();
  const origin = isAmend ? reader.six() : 0;
  for (const bit of has(Flag.aged) ? [Flag.publisher, Flag.author] : []) {
    if (!has(bit)) continue;
    reader.skipLong();
    reader.skipShort();
  }
  if (has(Flag.aged) && has(Flag.expires)) reader.six();
  const agedAt = has(Flag.aged) ? reader.six() : at;
  return { publication, isAmend, isMoved: (flags & PAYLOAD_MASK) === PayloadForm.moved, origin, tag, agedAt };
}

interface Annotations {
  readonly tags: Readonly<Record<string, string>> | null;
  readonly meta: Readonly<Record<string, string>> | null;
}

const NO_ANNOTATIONS: Annotations = { tags: null, meta: null };

function annotationsOf(record: LogRecord): string {
  if (record.kind === "amend" || (record.tags === null && record.meta === null)) return "";
  return JSON.stringify([record.tags, record.meta]);
}

function readAnnotations(json: string): Annotations {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Written above, and under a checksum.
  const [tags, meta] = JSON.parse(json) as [Annotations["tags"], Annotations["meta"]];
  return { tags, meta };
}

function formOf({ record: { data }, isMoved }: LogEntry): number {
  if (isMoved) return PayloadForm.moved;
  if (data === null) return PayloadForm.none;
  return typeof data === "string" ? PayloadForm.text : PayloadForm.bytes;
}

/** What has a fixed size, and the lengths: fewer bytes than this. */
const FIXED_BYTES = 64;

function boundOf({ record, tag, author }: LogEntry, annotations: string): number {
  const { id, data, publisher } = record;
  const texts = textBound(tag) + textBound(id) + textBound(annotations);
  const target = record.kind === "amend" ? textBound(record.amend) : 0;
  const payload = data === null ? 0 : typeof data === "string" ? textBound(data) : data.byteLength;
  return FIXED_BYTES + texts + target + publisherBound(publisher) + publisherBound(author) + payload;
}

function flag(isSet: boolean, bit: number): number {
  return isSet ? bit : 0;
}
