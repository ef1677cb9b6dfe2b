import {
  firstPlace,
  flawOf,
  formatPlace,
  historyBefore,
  oldestPlace,
  pageAfter,
  parsePlace,
  payloadSize,
  Ring,
  type ChannelOptions,
  type Faults,
  type HistoryPage,
  type LogEntry,
  type LogRecord,
  type Page,
  type PageBounds,
  type Place,
  type Ports,
  type RetainedLog,
} from "@carillon/server/backplane";
import type { IdKey, LogBlock } from "./block.ts";
import type { ChannelIds, IdMemory } from "./id-memory.ts";
import { assemble, placeAfter, tagged, type KeptBlock } from "./log-assembly.ts";
import { Physical } from "./physical.ts";

/** What stands for a publication while it, or an amendment of it, is retained. */
export interface Target {
  readonly publisher: LogRecord["publisher"];
  readonly expires: number;
  /** Offsets of the retained publication and amendments, oldest first. */
  readonly offsets: number[];
}

/** What one block came to: nothing if it does not continue the chain. */
export interface Step {
  readonly prev: string;
  readonly pos: string;
  readonly records: readonly LogRecord[];
  /** A new life began. */
  readonly isBirth: boolean;
}

/** What a replica needs of its store. */
export interface ReplicaContext {
  readonly ports: Ports;
  readonly faults: Faults;
  readonly ids: IdMemory;
  /** Store time. */
  readonly now: () => number;
}

/** Most messages with erased payloads that are remembered for cleaning. */
const DIRTY_MAX = 10_000;

/**
 * A log as this node knows it: what its blocks come to, read in order. Of a log that is only listened to, the head is
 * enough; it is whole once somebody reads or publishes.
 *
 * Invariants: the entries are contiguous and end at the top; `seq` is the last block that was applied; a whole replica
 * has every retained record, with all amendments applied, and every id of the window.
 */
export class LogReplica {
  readonly kind = "log" as const;
  /** The last message of the subject that is in here. */
  seq = 0;
  /** Nonce and time of that message. */
  nonce = "";
  at = 0;
  /** False: only the head, and what came after it. */
  isWhole = false;
  /** Bytes of payload held. */
  bytes = 0;
  readonly ids: ChannelIds;
  readonly physical: Physical = new Physical();
  /** Messages that hold a payload which was erased. */
  readonly dirty: Set<number> = new Set();
  #top: Place;
  readonly #ring = new Ring<LogEntry>();
  readonly #targets = new Map<string, Target>();
  readonly #context: ReplicaContext;

  /** A replica of nothing: the first block that is applied has to be a birth, or comes by {@link load}. */
  constructor(context: ReplicaContext) {
    this.#context = context;
    this.#top = firstPlace("");
    this.ids = context.ids.open();
  }

  /** What is left of a log if only its last block is known. */
  static head(context: ReplicaContext, seq: number, block: LogBlock): LogReplica {
    const replica = new LogReplica(context);
    replica.#top = placeAfter(block.epoch, block.own, context.ports);
    replica.#mark(seq, block);
    return replica;
  }

  /** Everything that is retained, from all blocks of the subject in order. Null if there is none. */
  static load(context: ReplicaContext, blocks: readonly KeptBlock<LogBlock>[]): LogReplica | null {
    const last = blocks.at(-1);
    if (last === undefined) return null;
    const replica = new LogReplica(context);
    replica.isWhole = true;
    replica.#top = placeAfter(last.block.epoch, last.block.own, context.ports);
    replica.#fill(blocks);
    replica.#mark(last.seq, last.block);
    return replica;
  }

  /** The head of this one, for a log that is only listened to from here on. */
  shed(): LogReplica {
    const replica = new LogReplica(this.#context);
    replica.#top = this.#top;
    replica.seq = this.seq;
    replica.nonce = this.nonce;
    replica.at = this.at;
    return replica;
  }

  /** Lets go of what it holds outside of itself. */
  close(): void {
    this.#context.ids.close(this.ids);
  }

  /** The place after the newest record. */
  get place(): Place {
    return this.#top;
  }

  /** The same as a position. */
  get top(): string {
    return formatPlace(this.#top);
  }

  /** How many records are held. */
  get size(): number {
    return this.#ring.length;
  }

  /** What stands for a publication. */
  target(id: string): Target | undefined {
    return this.#targets.get(id);
  }

  /** The record at an offset, if it is held. */
  recordAt(offset: number): LogRecord | null {
    const index = offset - oldestPlace({ top: this.#top, ring: this.#ring }).offset - 1;
    return index >= 0 && index < this.#ring.length ? this.#ring.at(index).record : null;
  }

  /** True for the last offset that is still within size and age. */
  isRetained(offset: number, options: ChannelOptions, top: number): boolean {
    if (offset <= top - options.historySize) return false;
    const record = this.recordAt(offset);
    return record === null || record.at >= this.#context.now() - options.historyTtlMs;
  }

  /** Applies the next block; null if it does not link, and nothing has changed then. */
  apply(seq: number, block: LogBlock): Step | null {
    const { own } = block;
    const prev = this.top;
    if (block.isBirth) this.#begin(block);
    else if (!this.#continues(block)) return null;
    for (const { record, key } of own.records) this.#push(own.nonce, record, key);
    if (this.isWhole) this.physical.add(seq, block);
    for (const { record } of own.records) if (this.isWhole && record.kind === "amend") this.#findDirty(record, seq);
    for (const remembered of block.ids) this.#context.ids.remember(this.ids, remembered);
    this.#mark(seq, block);
    return { prev, pos: this.top, records: own.records.map(({ record }) => record), isBirth: block.isBirth };
  }

  /** Lets go of what is over the size or the age. */
  trim(options: ChannelOptions): void {
    const oldest = this.#context.now() - options.historyTtlMs;
    for (let first = this.#ring.first; first !== undefined; first = this.#ring.first) {
      if (this.#ring.length <= options.historySize && first.record.at >= oldest) return;
      this.#ring.shift();
      this.bytes -= payloadSize(first.record.data);
      this.#forget(first);
    }
  }

  /** True if a page after the position can be had without the whole log. */
  covers(after: string): boolean {
    if (this.isWhole) return true;
    const place = parsePlace(after);
    return place !== null && flawOf(this.#retained(), place) === null;
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
    return { top: this.#top, ring: this.#ring, asOfNow, ignoresTags: this.#context.faults.has("no-tag-check") };
  }

  #continues({ epoch, own, after }: LogBlock): boolean {
    const { epoch: present, offset, tag } = this.#top;
    return epoch === present && own.offset === offset && own.tag === tag && after === this.nonce;
  }

  #begin(block: LogBlock): void {
    for (let entry = this.#ring.shift(); entry !== undefined; entry = this.#ring.shift());
    this.#targets.clear();
    this.dirty.clear();
    this.bytes = 0;
    this.#top = firstPlace(block.epoch);
    this.isWhole = true;
  }

  #push(nonce: string, record: LogRecord, key: IdKey | null): void {
    const id = record.kind === "amend" ? record.amend : record.id;
    if (record.kind === "amend") this.#replace(record);
    const before = this.#top.tag;
    this.#top = tagged(this.#top, nonce, record, this.#context.ports);
    this.#ring.push({ record, place: this.#top, before });
    this.bytes += payloadSize(record.data);
    const { publisher, expires } = record;
    const target = this.#targets.get(id);
    if (target !== undefined) target.offsets.push(this.#top.offset);
    else this.#targets.set(id, { publisher, expires, offsets: [this.#top.offset] });
    this.#rememberId(record, key, this.#top);
  }

  #replace({ amend, data, version }: Extract<LogRecord, { kind: "amend" }>): void {
    const base = oldestPlace({ top: this.#top, ring: this.#ring }).offset + 1;
    for (const offset of this.#targets.get(amend)?.offsets ?? []) {
      const entry = this.#ring.at(offset - base);
      this.bytes += payloadSize(data) - payloadSize(entry.record.data);
      entry.record = { ...entry.record, data, version };
    }
  }

  /** After an erasure: which messages still hold what was erased. */
  #findDirty({ amend, data }: Extract<LogRecord, { kind: "amend" }>, seq: number): void {
    const offsets = this.#targets.get(amend)?.offsets ?? [];
    if (data !== null || this.dirty.size >= DIRTY_MAX) return;
    for (const holder of this.physical.holders(offsets)) if (holder !== seq) this.dirty.add(holder);
  }

  #forget(entry: LogEntry): void {
    const id = entry.record.kind === "amend" ? entry.record.amend : entry.record.id;
    const offsets = this.#targets.get(id)?.offsets;
    offsets?.shift();
    if (offsets?.length === 0) this.#targets.delete(id);
  }

  #asOfNow<R extends LogRecord>(record: R): R {
    const isExpired = record.expires !== 0 && record.expires <= this.#context.now();
    return isExpired ? { ...record, data: null } : record;
  }

  #mark(seq: number, { nonce, at }: LogBlock): void {
    this.seq = seq;
    this.nonce = nonce;
    this.at = Math.max(this.at, at);
  }

  #fill(blocks: readonly KeptBlock<LogBlock>[]): void {
    const { base, records, others } = assemble(blocks, this.#top, this.#context.ports);
    for (const { seq, block } of blocks) {
      this.physical.add(seq, block);
      for (const remembered of block.ids) this.#context.ids.remember(this.ids, remembered);
    }
    for (const { stored, place } of others) this.#rememberId(stored.record, stored.key, place);
    this.#top = base;
    for (const { stored, nonce } of records) this.#push(nonce, stored.record, stored.key);
    for (const { seq, block } of blocks) if (this.#holdsErased(block)) this.dirty.add(seq);
  }

  /** True if a block of this life has a payload that reads as erased. */
  #holdsErased({ epoch, own, carried }: LogBlock): boolean {
    if (epoch !== this.#top.epoch) return false;
    return [own, ...carried].some(({ offset, records }) =>
      records.some(({ record }, index) => record.data !== null && this.recordAt(offset + 1 + index)?.data === null),
    );
  }

  #rememberId(record: LogRecord, key: IdKey | null, place: Place): void {
    if (key === null) return;
    this.#context.ids.remember(this.ids, { ...key, id: record.id, pos: formatPlace(place), at: record.at });
  }
}
