import type { GapReason } from "@carillon/protocol";
import {
  formatPlace,
  parsePlace,
  payloadSize,
  type Faults,
  type HistoryPage,
  type HistoryRequest,
  type LogRecord,
  type Page,
  type Place,
  type PublicationRecord,
  type ReadRequest,
} from "@carillon/server/backplane";
import type { Channel } from "./channel.ts";
import type { StoreParts } from "./channel-table.ts";
import type { ChannelHead } from "./head-codec.ts";
import { Kind, offsetKey, offsetOf } from "./layout.ts";
import { decodeEntry, type LogEntry } from "./log-codec.ts";
import { OffsetValue } from "./offset-value.ts";
import { damaged } from "./store-error.ts";

/** Entries that one request for history looks at most: among many amendments, a page may come out short. */
const HISTORY_SCAN_MAX = 4_096;

/**
 * What is read of log channels: from disk alone, where everything is durable. Each method runs within one call, and so
 * sees the file at one moment; `head` is the channel's head at that moment.
 */
export class LogReader {
  readonly #parts: StoreParts;
  readonly #faults: Faults;

  constructor(parts: StoreParts, faults: Faults) {
    this.#parts = parts;
    this.#faults = faults;
  }

  /** The page after a position; after a gap, the page after the oldest place that is left. */
  read(channel: Channel, head: ChannelHead, { after, options, bounds }: ReadRequest): Page {
    const floor = this.#floor(channel, head, options.historySize, options.historyTtlMs);
    const place = parsePlace(after);
    const gap = place === null ? "unreadable" : this.#verify(place, floor, head);
    const start = place === null || gap !== null ? floor : place;
    const records: LogRecord[] = [];
    let pos: Place = start;
    let bytes = 0;
    for (const entry of this.#entries(head, start.offset + 1, head.top.offset)) {
      const record = this.#asOfNow(head, entry, pos.offset + 1);
      bytes += payloadSize(record.data);
      if (records.length === bounds.items || (bytes > bounds.bytes && records.length > 0)) break;
      records.push(record);
      pos = { epoch: head.top.epoch, offset: pos.offset + 1, tag: entry.tag };
    }
    const atTop = pos.offset === head.top.offset;
    return { prev: formatPlace(start), pos: formatPlace(pos), records, atTop, gap };
  }

  /** Publications before a position; from the top when it is null, from the oldest place when it is no longer good. */
  history(channel: Channel, head: ChannelHead, { before, options, limit }: HistoryRequest): HistoryPage {
    const floor = this.#floor(channel, head, options.historySize, options.historyTtlMs);
    const place = before === null ? head.top : parsePlace(before);
    const end = place !== null && this.#verify(place, floor, head) === null ? place : floor;
    const records: PublicationRecord[] = [];
    let { offset } = end;
    const scanned = limit === 0 ? [] : this.#entriesBackwards(head, floor.offset + 1, end.offset, limit);
    for (const entry of scanned) {
      const record = this.#asOfNow(head, entry, offset);
      if (record.kind === "publication") records.push(record);
      offset--;
      if (records.length === limit) break;
    }
    const prev = { epoch: head.top.epoch, offset, tag: this.#tagAt(offset, floor, head) };
    const more = offset > floor.offset;
    return { prev: formatPlace(prev), pos: formatPlace(end), records: records.reverse(), more };
  }

  /**
   * What is wrong with a position, null if nothing: it is good if its successor is retained and links to it, or if it
   * is the top itself (P5).
   */
  #verify(place: Place, floor: Place, head: ChannelHead): GapReason | null {
    if (place.epoch !== head.top.epoch) return "epoch";
    if (place.offset > head.top.offset) return "rollback";
    if (place.offset < floor.offset) return "trimmed";
    const isLinked = this.#tagAt(place.offset, floor, head) === place.tag;
    return isLinked || this.#faults.has("no-tag-check") ? null : "rollback";
  }

  /** The place before the oldest entry that may be read: within the size, and young enough. */
  #floor(channel: Channel, head: ChannelHead, size: number, ttlMs: number): Place {
    const { epoch } = head.top;
    const bySize = Math.max(head.floor.offset, head.top.offset - size);
    const known = channel.durable.number === head.number ? channel.agedOffset : 0;
    const offset = this.#youngAfter(head, Math.max(bySize, known), this.#parts.ports.wallMs() - ttlMs);
    if (channel.durable.number === head.number && offset > bySize) channel.agedOffset = offset;
    return { epoch, offset, tag: this.#tagAt(offset, head.floor, head) };
  }

  /** The first offset from `low` on behind which everything is at least as young as `oldest`. */
  #youngAfter(head: ChannelHead, low: number, oldest: number): number {
    const isYoung = (offset: number): boolean => this.#entry(head, offset).agedAt >= oldest;
    const high = head.top.offset;
    if (low >= high || isYoung(low + 1)) return Math.min(low, high);
    if (head.at < oldest) return high;
    let old = low + 1;
    let young = high;
    while (young - old > 1) {
      const middle = Math.floor((old + young) / 2);
      if (isYoung(middle)) young = middle;
      else old = middle;
    }
    return old;
  }

  /** The tag of the place at an offset from the floor to the top. */
  #tagAt(offset: number, floor: Place, head: ChannelHead): string {
    if (offset === head.top.offset) return head.top.tag;
    return offset === floor.offset ? floor.tag : this.#entry(head, offset).tag;
  }

  #entry(head: ChannelHead, offset: number): LogEntry {
    const value = this.#parts.environment.get(offsetKey(Kind.entry, head.number, offset));
    if (value === undefined) throw hole();
    return decodeEntry(value);
  }

  /** Entries in order, without a hole. */
  *#entries(head: ChannelHead, from: number, upTo: number): Generator<LogEntry, undefined> {
    const start = offsetKey(Kind.entry, head.number, from);
    const end = offsetKey(Kind.entry, head.number, upTo + 1);
    let offset = from;
    for (const { key, value } of from > upTo ? [] : this.#parts.environment.range({ start, end })) {
      if (offsetOf(key) !== offset) break;
      offset++;
      yield decodeEntry(value);
    }
    if (offset <= upTo) throw hole();
  }

  /** Entries from `end` back to `first`, some more than `limit`, since amendments are among them. */
  *#entriesBackwards(head: ChannelHead, first: number, end: number, limit: number): Generator<LogEntry, undefined> {
    const last = Math.max(first, end - HISTORY_SCAN_MAX - limit + 1);
    for (let upTo = end; upTo >= last; upTo -= limit) {
      yield* [...this.#entries(head, Math.max(last, upTo - limit + 1), upTo)].reverse();
    }
  }

  /** The record with its payload of now, and its version: those of the newest copy; blanked once it has expired. */
  #asOfNow(head: ChannelHead, { record, isMoved, origin }: LogEntry, offset: number): LogRecord {
    const latest = isMoved ? this.#newest(head, record, record.kind === "amend" ? origin : offset) : record;
    const isOver = record.expires !== 0 && record.expires <= this.#parts.ports.wallMs();
    return isOver ? { ...latest, data: null } : latest;
  }

  /** The record with the payload of the newest copy of the publication that was appended at `origin`. */
  #newest(head: ChannelHead, record: LogRecord, origin: number): LogRecord {
    const value = this.#parts.environment.get(offsetKey(Kind.newest, head.number, origin));
    if (value === undefined) throw damaged("the payload of a publication that was amended is missing");
    const { data, version } = this.#entry(head, OffsetValue.decode(value)).record;
    return { ...record, data, version };
  }
}

function hole(): Error {
  return damaged("a publication that should be there is missing");
}
