import type { Publisher } from "@carillon/protocol";
import type { Faults } from "../core/faults.ts";
import type { Ports } from "../core/ports.ts";
import type { ChannelOptions, HistoryPage, Page, PageBounds } from "./channel-store.ts";
import { firstPlace, formatPlace, nextPlace, type Place } from "./position.ts";
import type { AmendRecord, LogRecord } from "./records.ts";
import { historyBefore, pageAfter, type LogEntry, type RetainedLog } from "./retained-log.ts";
import { Ring } from "./ring.ts";

/** A publication that may still be amended. */
export interface Target {
  readonly publisher: Publisher | null;
  readonly expires: number;
}

/** A target with amendments: the retained entries of the publication and of them, oldest first. */
interface Amended extends Target {
  readonly entries: LogEntry[];
}

/**
 * One log channel in memory: a ring of entries, oldest first, and the place at its top, which outlives them all.
 *
 * Invariants: the offsets in the ring are contiguous and end at the top; each entry's `before` is the tag of the one
 * before it; `#targets` holds exactly the ids of which an entry is retained, so an erasure reaches every copy of a
 * payload, earlier edits included. A publication that was never amended stands there for itself: nearly all are such.
 */
export class Log {
  #top: Place;
  #topText: string;
  /** Store time of the oldest item, which need not be fetched as long as it is not too old; 0: there is none. */
  #oldestAt = 0;
  readonly #ring = new Ring<LogEntry>();
  readonly #targets = new Map<string, LogEntry | Amended>();
  readonly #ports: Ports;
  readonly #faults: Faults;

  constructor(ports: Ports, faults: Faults) {
    this.#ports = ports;
    this.#faults = faults;
    this.#top = firstPlace(ports.id());
    this.#topText = formatPlace(this.#top);
  }

  /** The position after the newest item. */
  get top(): string {
    return this.#topText;
  }

  /** The same in its parts. */
  get place(): Place {
    return this.#top;
  }

  /** How many items are retained. */
  get size(): number {
    return this.#ring.length;
  }

  /** What stands for a publication while it, or an amendment of it, is retained. */
  target(id: string): Target | undefined {
    const target = this.#targets.get(id);
    return target === undefined || "entries" in target ? target : target.record;
  }

  /** Appends and returns the position after it. An amendment replaces the payload of every retained copy first. */
  append(record: LogRecord, options: ChannelOptions): string {
    const id = record.kind === "amend" ? record.amend : record.id;
    if (record.kind === "amend") this.#replace(id, record);
    const before = this.#top.tag;
    this.#top = nextPlace(this.#top, record.id, record.at, this.#ports.hash);
    this.#topText = formatPlace(this.#top);
    const entry = { record, place: this.#top, before };
    if (this.#ring.length === 0) this.#oldestAt = record.at;
    this.#ring.push(entry);
    const target = this.#targets.get(id);
    if (target === undefined) this.#targets.set(id, entry);
    else if ("entries" in target) target.entries.push(entry);
    else this.#targets.set(id, amended(target, entry));
    this.trim(options);
    return this.#topText;
  }

  /** Lets go of what is over the size or the age. */
  trim(options: ChannelOptions): void {
    const keptFrom = this.#ports.wallMs() - options.historyTtlMs;
    while (this.#ring.length > options.historySize || (this.#ring.length > 0 && this.#oldestAt < keptFrom)) {
      const first = this.#ring.shift();
      if (first !== undefined) this.#forget(first);
      this.#oldestAt = this.#ring.first?.record.at ?? 0;
    }
  }

  /** The page after a position; after a gap, the page after the oldest place that is left. */
  read(after: string, options: ChannelOptions, bounds: PageBounds): Page {
    this.trim(options);
    return pageAfter(this.#retained(), after, bounds);
  }

  /** Publications before a position, newest page first; from the top when the position is null, from the oldest when it is no longer good. */
  history(before: string | null, options: ChannelOptions, limit: number): HistoryPage {
    this.trim(options);
    return historyBefore(this.#retained(), before, limit);
  }

  #retained(): RetainedLog {
    const asOfNow = <R extends LogRecord>(record: R): R => this.#asOfNow(record);
    return { top: this.#top, ring: this.#ring, asOfNow, ignoresTags: this.#faults.has("no-tag-check") };
  }

  #replace(id: string, { data, version }: AmendRecord): void {
    const target = this.#targets.get(id);
    if (target === undefined) return;
    for (const entry of "entries" in target ? target.entries : [target])
      entry.record = { ...entry.record, data, version };
  }

  #forget(entry: LogEntry): void {
    const id = entry.record.kind === "amend" ? entry.record.amend : entry.record.id;
    const target = this.#targets.get(id);
    if (target === undefined) return;
    if ("entries" in target) target.entries.shift();
    if (!("entries" in target) || target.entries.length === 0) this.#targets.delete(id);
  }

  /** The record with an expired payload blanked. */
  #asOfNow<R extends LogRecord>(record: R): R {
    const isExpired = record.expires !== 0 && record.expires <= this.#ports.wallMs();
    return isExpired ? { ...record, data: null } : record;
  }
}

function amended(first: LogEntry, amendment: LogEntry): Amended {
  const { publisher, expires } = first.record;
  return { publisher, expires, entries: [first, amendment] };
}
