import type { GapReason, Position } from "@carillon/protocol";
import type { Answer, ChannelOptions, ChannelStore, Page, PageBounds } from "../backplane/channel-store.ts";
import type { ChannelRecord, EntryRecord } from "../backplane/records.ts";
import type { Faults } from "../core/faults.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Ports } from "../core/ports.ts";
import { SingleFlight } from "./single-flight.ts";
import { Unit } from "./unit.ts";

/** A page of catching up, ready to be sent to anybody in the same place. */
export interface PageUnit {
  readonly unit: Unit;
  readonly pos: Position;
  /** Where the page starts: the position asked for, unless there is a gap. */
  readonly prev: Position;
  readonly isEmpty: boolean;
  readonly atTop: boolean;
  readonly gap: GapReason | null;
}

/** A snapshot in units of bounded size, only the last of which carries the position. */
export interface SnapshotUnits {
  readonly units: readonly Unit[];
  readonly pos: Position;
}

/** What the cache needs from its node. */
export interface PageCacheContext {
  readonly ports: Ports;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly bounds: PageBounds;
  readonly store: () => ChannelStore;
  readonly present: PresentRecords;
}

/** Brings records of a channel to the present version of its schema. */
interface PresentRecords {
  /** In the same order, within the call or later. */
  read(
    channel: string,
    records: readonly ChannelRecord[],
    done: (answer: Answer<readonly ChannelRecord[]>) => void,
  ): void;
}

/** Pages and snapshots for subscribers that catch up: read once and encoded once for all who stand in one place. */
export class PageCache {
  readonly #pages: SingleFlight<PageUnit>;
  readonly #snapshots: SingleFlight<SnapshotUnits>;
  readonly #context: PageCacheContext;

  constructor(context: PageCacheContext) {
    this.#context = context;
    this.#pages = new SingleFlight(context.ports);
    this.#snapshots = new SingleFlight(context.ports);
  }

  /** The page after a position. */
  read(channel: string, options: ChannelOptions, after: Position, done: (answer: Answer<PageUnit>) => void): void {
    this.#pages.ask(channel, after, done, (answer) => {
      this.#context.metrics.pages++;
      this.#context.store().read({ channel, options, after, bounds: this.#context.bounds }, (read) => {
        if (!read.ok) return answer(read);
        // The log is not what it was, and pages of what it was would lead readers in a circle.
        const { gap } = read.value;
        const isOld = gap === "rollback" || gap === "epoch" || (gap !== null && this.#isOfSnapshot(channel, after));
        if (isOld) this.invalidate(channel);
        this.#context.present.read(channel, read.value.records, (records) =>
          answer(records.ok ? { ok: true, value: this.#unitOf(channel, read.value, records.value) } : records),
        );
      });
    });
  }

  /** All entries of a state channel. */
  snapshot(channel: string, options: ChannelOptions, done: (answer: Answer<SnapshotUnits>) => void): void {
    this.#snapshots.ask(channel, "", done, (answer) => {
      this.#context.metrics.pages++;
      this.#context.store().snapshot(channel, options, (read) => {
        if (!read.ok) return answer(read);
        const { pos, records } = read.value;
        const pages = pagesOf(records, this.#context.bounds);
        const units = pages.map((page, index) => {
          const isLast = index === pages.length - 1;
          return new Unit({ channel, prev: null, pos: isLast ? pos : null, records: page, reset: index === 0 });
        });
        answer({ ok: true, value: { units, pos } });
      });
    });
  }

  /** Something happened in the channel: its pages may have been amended or may no longer end at the top. */
  invalidate(channel: string): void {
    this.#pages.invalidate(channel);
    this.#snapshots.invalidate(channel);
  }

  /** True for the position of a snapshot that is kept: if nothing continues from there, it is of what was. */
  #isOfSnapshot(channel: string, position: Position): boolean {
    const snapshot = this.#snapshots.kept(channel, "");
    return snapshot?.ok === true && snapshot.value.pos === position;
  }

  #unitOf(channel: string, { prev, pos, atTop, gap }: Page, records: readonly ChannelRecord[]): PageUnit {
    // The planted fault leaves an item out; see core/faults.ts.
    const told = this.#context.faults.has("hidden-hole") ? records.slice(1) : records;
    const unit = new Unit({ channel, prev, pos, records: told, reset: false });
    return { unit, pos, prev, isEmpty: told.length === 0, atTop, gap };
  }
}

/** Cuts records into pages that keep to the bounds; there is one page at least, and one record at least in a page. */
function pagesOf(records: readonly EntryRecord[], bounds: PageBounds): readonly (readonly EntryRecord[])[] {
  let page: EntryRecord[] = [];
  const pages = [page];
  let bytes = 0;
  for (const record of records) {
    const size = record.data?.length ?? 0;
    if (page.length === bounds.items || (bytes + size > bounds.bytes && page.length > 0)) {
      page = [];
      pages.push(page);
      bytes = 0;
    }
    page.push(record);
    bytes += size;
  }
  return pages;
}
