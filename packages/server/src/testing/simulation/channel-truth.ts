import type { Position } from "@carillon/protocol";
import type { ChannelOptions } from "../../backplane/channel-store.ts";
import { parsePlace } from "../../backplane/position.ts";
import type { ChannelRecord, EntryRecord, LogRecord } from "../../backplane/records.ts";
import type { BrokerWitness } from "./broker-disk.ts";
import type { World } from "./world.ts";

/** A place in a channel's true history: what led to it, and the place before. A roll back makes another branch. */
export interface Place {
  /** Null: it stands within a stretch that was told as one, and nobody has named it yet. */
  pos: Position | null;
  readonly before: Place | null;
  /** Steps since the beginning of this life of the channel. */
  readonly depth: number;
  readonly life: number;
  readonly records: readonly ChannelRecord[];
  /** Virtual time at which it became durable. */
  readonly committedMs: number;
  readonly next: Place[];
  /** It was not part of the channel's history at some moment: another branch, or another life, was. */
  wasLeft: boolean;
  /** It was over the size or the age of the history at some moment: it may be missing. */
  isTrimmed: boolean;
}

/** What truly happened in one channel. Positions are names of places here; how they are made is not known. */
export class ChannelTruth {
  readonly channel: string;
  readonly options: ChannelOptions;
  /** Every payload that a publication ever had, by its id; each value of an entry by key and version. */
  readonly values: Map<string, Set<string>> = new Map();
  /** Virtual time at which each value of an entry became durable, by key and version. */
  readonly times: Map<string, number> = new Map();
  /** How often it began anew, or was made what it once was. */
  restores = 0;
  readonly #world: World;
  readonly #places: Map<Position, Place> = new Map();
  /** Stretches of versions of which only the last value of each key is known. */
  readonly #conflated: { readonly after: number; readonly upTo: number }[] = [];
  /** Places without a name, by epoch and offset: the latest of them. */
  readonly #nameless: Map<string, Place> = new Map();
  #top: Place;
  #lives = 0;
  /** The oldest wall clock minus history's age that was ever in force. */
  #oldestAt = 0;

  constructor(channel: string, options: ChannelOptions, top: Position, world: World) {
    this.channel = channel;
    this.options = options;
    this.#world = world;
    this.#top = this.#begin(top);
  }

  get top(): Place {
    return this.#top;
  }

  place(pos: Position | null): Place | undefined {
    if (pos === null) return undefined;
    return this.#places.get(pos) ?? this.#name(pos);
  }

  /** Items became durable. `whenMs`: when each did, in the time of the world. Returns what is wrong with that, or null. */
  committed(
    prev: Position,
    pos: Position,
    records: readonly ChannelRecord[],
    whenMs: (record: ChannelRecord) => number = () => this.#world.nowMs,
  ): string | null {
    if (this.#top !== this.place(prev)) return `${this.channel} goes on at ${prev}, it stood at ${this.#top.pos}`;
    for (const record of records) this.learn(record, whenMs(record));
    const known = this.#places.get(pos);
    if (known === undefined) {
      const start = parsePlace(prev);
      records.forEach((record, index) => {
        const isLast = index === records.length - 1;
        this.#top = this.#append(this.#top, isLast ? pos : null, [record], whenMs(record));
        if (!isLast && start !== null) this.#nameless.set(`${start.epoch} ${start.offset + index + 1}`, this.#top);
      });
      if (records.length === 0) this.#top = this.#append(this.#top, pos, records, this.#world.nowMs);
    } else if (!this.#isAbove(known)) return `P5: ${this.channel} gave the place ${pos} twice`;
    // After a roll back, the same item in the same millisecond makes the same place: it is the same.
    else this.#top = known;
    this.#trim();
    return null;
  }

  /** What happened behind one version up to another is known as a page tells it, by the last value of each key. */
  conflated(after: number, upTo: number): void {
    this.#conflated.push({ after, upTo });
  }

  /** True if a value that nobody has told of may have had this version. */
  mayHide(version: number): boolean {
    return this.#conflated.some(({ after, upTo }) => version > after && version <= upTo);
  }

  /** It began a new life. */
  removed(top: Position): void {
    for (const place of this.chain()) place.isTrimmed = true;
    this.restored(top);
  }

  /** It stands elsewhere: where it once was, or at a new beginning. */
  restored(top: Position): void {
    this.restores++;
    const left = this.chain();
    this.#top = this.place(top) ?? this.#begin(top);
    const kept = new Set(this.chain());
    for (const place of left) if (!kept.has(place)) place.wasLeft = true;
  }

  /** Places from the beginning of this life to the top. */
  chain(): Place[] {
    const chain: Place[] = [];
    for (let place: Place | null = this.#top; place !== null; place = place.before) chain.push(place);
    return chain.reverse();
  }

  /** Entries of a state channel, as they truly are. */
  entries(): Map<string, EntryRecord> {
    const entries = new Map<string, EntryRecord>();
    for (const { records } of this.chain()) {
      for (const record of records) {
        if (record.kind === "entry") entries.set(record.key, record);
        else if (record.kind === "removal") entries.delete(record.key);
      }
    }
    return entries;
  }

  /** Places that hold an item with this id, in this life. */
  holding(id: string): Place[] {
    return this.chain().filter(({ records }) => records.some((record) => "id" in record && record.id === id));
  }

  /** What every publication has become. */
  latest(): Map<string, LogRecord> {
    const latest = new Map<string, LogRecord>();
    for (const { records } of this.chain()) {
      for (const record of records) {
        if (record.kind === "publication") latest.set(record.id, record);
        else if (record.kind === "amend") latest.set(record.amend, record);
      }
    }
    return latest;
  }

  /** Lets go of what is too old by now; asked before a gap is judged. */
  age(): void {
    this.#trim();
  }

  #append(before: Place, pos: Position | null, records: readonly ChannelRecord[], committedMs: number): Place {
    const { depth, life } = before;
    const place: Place = {
      pos,
      before,
      depth: depth + 1,
      life,
      records,
      committedMs,
      next: [],
      wasLeft: false,
      isTrimmed: false,
    };
    before.next.push(place);
    if (pos !== null) this.#places.set(pos, place);
    return place;
  }

  /** A place that leads on from the top. */
  #isAbove(known: Place): boolean {
    let place: Place | null = known;
    while (place !== null && place.depth > this.#top.depth) place = place.before;
    return place === this.#top && known !== this.#top;
  }

  /** The first who tells of a position within a stretch gives it its name. */
  #name(pos: Position): Place | undefined {
    const { epoch, offset } = parsePlace(pos) ?? { epoch: "", offset: 0 };
    const place = this.#nameless.get(`${epoch} ${offset}`);
    if (place === undefined) return undefined;
    this.#nameless.delete(`${epoch} ${offset}`);
    place.pos = pos;
    this.#places.set(pos, place);
    return place;
  }

  #begin(top: Position): Place {
    const life = ++this.#lives;
    const committedMs = this.#world.nowMs;
    const place: Place = {
      pos: top,
      before: null,
      depth: 0,
      life,
      records: [],
      committedMs,
      next: [],
      wasLeft: false,
      isTrimmed: true,
    };
    this.#places.set(top, place);
    return place;
  }

  /** An item exists, or has existed. */
  learn(record: ChannelRecord, atMs: number): void {
    if (record.kind === "removal") return;
    const name =
      record.kind === "entry" ? `${record.key} ${record.version}` : record.kind === "amend" ? record.amend : record.id;
    const values = this.values.get(name) ?? new Set<string>();
    this.values.set(name, values.add(shown(record.data)));
    if (record.kind === "entry") this.times.set(name, atMs);
  }

  #trim(): void {
    if (this.options.kind === "state") return;
    const { historySize, historyTtlMs } = this.options;
    // Brokers' clocks jump; what was over the age by any of them may be gone.
    this.#oldestAt = Math.max(this.#oldestAt, this.#world.wallMs + CLOCK_JUMP_MAX_MS - historyTtlMs);
    for (let place: Place | null = this.#top, count = 0; place !== null; place = place.before, count++) {
      const [record] = place.records;
      const isOld = record !== undefined && "at" in record && record.at < this.#oldestAt;
      if (count >= historySize || isOld) {
        if (place.isTrimmed) return;
        place.isTrimmed = true;
      }
    }
  }
}

/** The broker's clock is never set further ahead than this. */
export const CLOCK_JUMP_MAX_MS = 5_000;

/** A payload as it is compared: JSON text, or bytes, or nothing. */
export function shown(data: string | Uint8Array | null): string {
  if (data === null) return "erased";
  return typeof data === "string" ? data : `bytes ${data.join(" ")}`;
}

/** The truth of all channels, told by the broker. */
export class Truth implements BrokerWitness {
  readonly channels: Map<string, ChannelTruth> = new Map();
  /** How often the store was made what it once was, or lost everything. */
  restores = 0;
  readonly #world: World;
  readonly #violated: (what: string) => void;

  constructor(world: World, violated: (what: string) => void) {
    this.#world = world;
    this.#violated = violated;
  }

  opened(channel: string, options: ChannelOptions, top: Position): void {
    this.channels.set(channel, new ChannelTruth(channel, options, top, this.#world));
  }

  committed(
    channel: string,
    prev: Position,
    pos: Position,
    records: readonly ChannelRecord[],
    whenMs?: (record: ChannelRecord) => number,
  ): void {
    this.#world.note(
      `committed ${channel} ${records.map((record) => ("id" in record ? record.id : record.key)).join(" ")}`,
    );
    const problem = this.channels.get(channel)?.committed(prev, pos, records, whenMs) ?? null;
    if (problem !== null) this.#violated(problem);
  }

  removed(channel: string, top: Position): void {
    this.channels.get(channel)?.removed(top);
  }

  restored(tops: ReadonlyMap<string, Position>): void {
    this.restores++;
    for (const [channel, top] of tops) this.channels.get(channel)?.restored(top);
  }

  appended(request: { readonly id: string }, result: { readonly ok: boolean; readonly duplicate?: boolean }): void {
    if (!result.ok) this.#world.count("appends refused");
    else if (result.duplicate === true) this.#world.count("duplicates suppressed");
    else this.#world.count("appends");
    if (!result.ok) this.#world.note(`append of ${request.id} refused`);
  }
}
