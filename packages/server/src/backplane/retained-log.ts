import type { GapReason } from "@carillon/protocol";
import type { HistoryPage, Page, PageBounds } from "./channel-store.ts";
import { formatPlace, parsePlace, type Place } from "./position.ts";
import { payloadSize, type LogRecord, type PublicationRecord } from "./records.ts";
import type { Ring } from "./ring.ts";

/** A record at its place. `before` is the tag of the place before it: the link that proves contiguity. */
export interface LogEntry {
  record: LogRecord;
  readonly place: Place;
  readonly before: string;
}

/** What is left of a log in memory: contiguous entries, oldest first, that end at the top; the top outlives them all. */
export interface RetainedLog {
  readonly top: Place;
  readonly ring: Ring<LogEntry>;
  /** A record as it is to be read at this moment: an expired payload is blank. */
  readonly asOfNow: <R extends LogRecord>(record: R) => R;
  /** Positions are taken by epoch and offset alone: the planted fault `no-tag-check`. */
  readonly ignoresTags: boolean;
}

/** The place before the first retained entry. */
export function oldestPlace({ top, ring }: Pick<RetainedLog, "top" | "ring">): Place {
  const first = ring.first;
  return first === undefined ? top : { epoch: top.epoch, offset: first.place.offset - 1, tag: first.before };
}

/**
 * What is wrong with a place, null if nothing: it is good if its successor is retained and links to it, or if it is the
 * top itself (P5).
 */
export function flawOf(log: RetainedLog, place: Place): GapReason | null {
  const { top, ring, ignoresTags } = log;
  if (place.epoch !== top.epoch) return "epoch";
  if (place.offset > top.offset) return "rollback";
  const index = place.offset - oldestPlace(log).offset;
  if (index < 0) return "trimmed";
  const tag = index < ring.length ? ring.at(index).before : top.tag;
  return tag === place.tag || ignoresTags ? null : "rollback";
}

/** The page after a position; after a gap, the page after the oldest place that is left. */
export function pageAfter(log: RetainedLog, after: string, bounds: PageBounds): Page {
  const { top, ring, asOfNow } = log;
  const oldest = oldestPlace(log);
  const place = parsePlace(after);
  const gap = place === null ? "unreadable" : flawOf(log, place);
  const start = place === null || gap !== null ? oldest : place;
  const records: LogRecord[] = [];
  let pos = start;
  let bytes = 0;
  for (let index = start.offset - oldest.offset; index < ring.length; index++) {
    const entry = ring.at(index);
    const record = asOfNow(entry.record);
    bytes += payloadSize(record.data);
    if (records.length === bounds.items || (bytes > bounds.bytes && records.length > 0)) break;
    records.push(record);
    pos = entry.place;
  }
  return { prev: formatPlace(start), pos: formatPlace(pos), records, atTop: pos.offset === top.offset, gap };
}

/** Publications before a position, newest page first; from the top when it is null, from the oldest when it is no longer good. */
export function historyBefore(log: RetainedLog, before: string | null, limit: number): HistoryPage {
  const { top, ring, asOfNow } = log;
  const oldest = oldestPlace(log);
  const place = before === null ? top : parsePlace(before);
  const end = place !== null && flawOf(log, place) === null ? place : oldest;
  const records: PublicationRecord[] = [];
  let offset = end.offset;
  while (offset > oldest.offset && records.length < limit) {
    const { record } = ring.at(offset - oldest.offset - 1);
    if (record.kind === "publication") records.push(asOfNow(record));
    offset--;
  }
  const prev = offset === oldest.offset ? oldest : ring.at(offset - oldest.offset - 1).place;
  return { prev: formatPlace(prev), pos: formatPlace(end), records: records.reverse(), more: offset > oldest.offset };
}
