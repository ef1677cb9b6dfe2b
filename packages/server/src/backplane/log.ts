import type { Publisher } from "@carillon/protocol";
import type { Faults } from "../core/faults.ts";
import type { Ports } from "../core/ports.ts";
import type { ChannelOptions, HistoryPage, Page, PageBounds } from "./channel-store.ts";
import { firstPlace, formatPlace, nextPlace, type Place } from "./position.ts";
import type { AmendRecord, LogRecord } from "./records.ts";
import { historyBefore, oldestPlace, pageAfter, type LogEntry, type RetainedLog } from "./retained-log.ts";
import { Ring } from "./ring.ts";

/** A publication that may still be amended. */
export interface Target {
  readonly publisher: Publisher | null;
  readonly expires: number;
  /** Offsets of the retained publication and amendments, oldest first. */
  readonly offsets: number[];
}

/**
 * One log channel in memory: a ring of entries, oldest first, and the place at its top, which outlives them all.
 *
 * Invariants: the offsets in the ring are contiguous and end at the top; each entry's `before` is the tag of the one
 * before it; `#targets` holds exactly the ids of which an entry is retained, so an erasure reaches every copy of a
 * payload, earlier edits included.
 */
export class Log {
  #top: Place;
  readonly #ring = new Ring<LogEntry>();
  readonly #targets = new Map<string, Target>();
  readonly #ports: Ports;
  readonly #faults: Faults;

  constructor(ports: Ports, faults: Faults) {
    this.#ports = ports;
    this.#faults = faults;
    this.#top = firstPlace(ports.id());
  }

  /** The position after the newest item. */
  get top(): string {
    return formatPlace(this.#top);
  }

  /** How many items are retained. */
  get size(): number {
    return this.#ring.length;
  }

  /** What stands for a publication while it, or an amendment of it, is retained. */
  target(id: string): Target | undefined {
    return this.#targets.get(id);
  }

  /** Appends and returns the position after it. An amendment replaces the payload of every retained copy first. */
  append(record: LogRecord, options: ChannelOptions): string {
    const id = record.kind === "amend" ? record.amend : record.id;
    if (record.kind === "amend") this.#replace(id, record);
    const before = this.#top.tag;
    this.#top = nextPlace(this.#top, record.id, record.at, this.#ports.hash);
    this.#ring.push({ record, place: this.#top, before });
    const target = this.#targets.get(id);
    if (target !== undefined) target.offsets.push(this.#top.offset);
    else {
      const { publisher, expires } = record;
      this.#targets.set(id, { publisher, expires, offsets: [this.#top.offset] });
    }
    this.trim(options);
    return this.top;
  }

  /** Lets go of what is over the size or the age. */
  trim(options: ChannelOptions): void {
    const oldest = this.#ports.wallMs() - options.historyTtlMs;
    for (let first = this.#ring.first; first !== undefined; first = this.#ring.first) {
      if (this.#ring.length <= options.historySize && first.record.at >= oldest) return;
      this.#ring.shift();
      this.#forget(first);
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
    const base = oldestPlace({ top: this.#top, ring: this.#ring }).offset + 1;
    for (const offset of this.#targets.get(id)?.offsets ?? []) {
      const entry = this.#ring.at(offset - base);
      entry.record = { ...entry.record, data, version };
    }
  }

  #forget(entry: LogEntry): void {
    const id = entry.record.kind === "amend" ? entry.record.amend : entry.record.id;
    const offsets = this.#targets.get(id)?.offsets;
    offsets?.shift();
    if (offsets?.length === 0) this.#targets.delete(id);
  }

  /** The record with an expired payload blanked. */
  #asOfNow<R extends LogRecord>(record: R): R {
    const isExpired = record.expires !== 0 && record.expires <= this.#ports.wallMs();
    return isExpired ? { ...record, data: null } : record;
  }
}
