import {
  holderAfter,
  isRefresh,
  nextPlace,
  refuseChange,
  type ApplyRequest,
  type ChannelOptions,
  type EntryChange,
  type EntryRecord,
  type Failure,
  type RemovalRecord,
  type SetChange,
  type StateRecord,
} from "@carillon/server/backplane";
import type { Channel } from "./channel.ts";
import type { ChannelTable, StoreParts } from "./channel-table.ts";
import { asSix, type ChannelHead } from "./head-codec.ts";
import {
  endKey,
  Kind,
  numberTextKey,
  offsetKey,
  ownedKey,
  ownedPrefix,
  PRESENT,
  afterPrefix,
  textAt,
} from "./layout.ts";
import { decodeChange, decodeStored, encodeChange, encodeStored, type StoredEntry } from "./state-codec.ts";

/** What a change came to: what to deliver (no records for a mere refresh) and to answer once it is durable. */
export interface Applied {
  readonly ok: true;
  readonly before: ChannelHead;
  readonly after: ChannelHead;
  readonly version: number;
  readonly records: readonly StateRecord[];
}

/** Bounds of one state channel. */
export interface StateBounds {
  readonly entries: number;
  readonly journal: number;
}

/**
 * What is written to state channels. Each change takes the next version, removals included, and leaves a line in the
 * channel's journal; an entry that ended stays as a tombstone for as long as its removal is in the journal.
 */
export class StateStore {
  readonly #parts: StoreParts;
  readonly #table: ChannelTable;
  readonly #bounds: StateBounds;
  /** Told when an entry gets an end. */
  readonly #endsAt: (atMs: number) => void;

  constructor(parts: StoreParts, table: ChannelTable, bounds: StateBounds, endsAt: (atMs: number) => void) {
    this.#parts = parts;
    this.#table = table;
    this.#bounds = bounds;
    this.#endsAt = endsAt;
  }

  /** Sets or removes one entry. Null: the channel is of the other kind. */
  apply(channel: Channel, options: ChannelOptions, change: EntryChange): Applied | Failure | null {
    const { number, kind, entries } = channel.ahead;
    if (number !== 0 && kind !== "state") return null;
    const last = number === 0 ? null : this.#stored(number, change.key);
    const held = last?.isTombstone === true ? null : last;
    const refusal = refuseChange(change, held, last?.holder ?? null, entries, this.#bounds.entries);
    if (refusal !== null) return refusal;
    const before = channel.ahead;
    if (change.op === "remove") {
      return this.#done(channel, before, held === null ? [] : [this.#end(channel, change.key, held, change.holder)]);
    }
    const now = asSix(this.#parts.ports.wallMs());
    const endsAt = options.ttlMs === 0 ? 0 : asSix(now + options.ttlMs);
    if (held !== null && isRefresh(change, held)) {
      const entry: StoredEntry = { ...held, holder: change.holder, endsAt };
      this.#keep(number, change.key, held, entry, encodeStored(this.#parts.writer, entry));
      return this.#done(channel, before, [], held.version);
    }
    return this.#done(channel, before, [this.#set(channel, options, change, held, now, endsAt)]);
  }

  /** Ends the entries that the instance owns and the session still holds. Call it when the channel has settled. */
  release(channel: Channel, { instance, holder }: Extract<ApplyRequest["change"], { op: "release" }>): Applied {
    const before = channel.ahead;
    return this.#done(
      channel,
      before,
      this.#endOwned(channel, instance, (held) => held.holder === holder),
    );
  }

  /** Ends an entry if its time has come. Null: it lives on, or is gone. */
  expireDue(channel: Channel, key: string): Applied | null {
    const before = channel.ahead;
    const held = before.number === 0 ? null : this.#held(before.number, key);
    if (held === null || held.endsAt === 0 || held.endsAt > this.#parts.ports.wallMs()) return null;
    return this.#done(channel, before, [this.#end(channel, key, held)]);
  }

  /** Ends an entry that was last set before this start of the server, and that nobody came back for. */
  abandon(channel: Channel, instance: string, key: string): Applied | null {
    const before = channel.ahead;
    const held = this.#held(before.number, key);
    if (held === null || held.owner?.instance !== instance) return null;
    return this.#done(channel, before, [this.#end(channel, key, held)]);
  }

  /** Takes lines from the journal that are older than any client that could ask for them. At most `limit`. */
  trim(channel: Channel, olderThan: number, limit: number): number {
    const { environment, queue } = this.#parts;
    const head = channel.ahead;
    if (head.number === 0 || head.kind !== "state") return 0;
    const start = offsetKey(Kind.journal, head.number, head.floor.offset + 1);
    const end = offsetKey(Kind.journal, head.number, head.top.offset);
    let count = 0;
    let floor = head.floor;
    for (const { value } of environment.range({ start, end, limit })) {
      const { at, key } = decodeChange(value);
      if (at >= olderThan) break;
      const offset = floor.offset + 1;
      // The link of the line that follows is the tag of the place that becomes the floor.
      const next = queue.get(offsetKey(Kind.journal, head.number, offset + 1));
      if (next === undefined) break;
      this.#forget(head.number, offset, key);
      floor = { epoch: floor.epoch, offset, tag: decodeChange(next).before };
      count++;
    }
    if (count === 0) return 0;
    channel.advance({ ...head, floor });
    queue.touch(channel);
    return count;
  }

  #set(
    channel: Channel,
    options: ChannelOptions,
    change: SetChange,
    held: StoredEntry | null,
    at: number,
    endsAt: number,
  ): EntryRecord {
    const { key, data, owner, holder } = change;
    const version = channel.ahead.top.offset + 1;
    const entry: StoredEntry = { version, at, isTombstone: false, data, owner, holder, endsAt };
    // Encoded before anything is written: if it can't be, nothing has happened.
    const value = encodeStored(this.#parts.writer, entry);
    const head = this.#table.writable(channel, options) ?? channel.ahead;
    this.#advance(channel, head, key, at, held === null ? 1 : 0);
    this.#keep(head.number, key, held, entry, value);
    return { kind: "entry", key, version, at, data, owner };
  }

  #end(channel: Channel, key: string, held: StoredEntry, remover: string | null = null): RemovalRecord {
    const at = asSix(this.#parts.ports.wallMs());
    const { number, top } = channel.ahead;
    const version = top.offset + 1;
    const holder = holderAfter(remover, held.holder);
    const tombstone = { version, at, isTombstone: true, data: null, owner: null, holder, endsAt: 0 };
    this.#advance(channel, channel.ahead, key, at, -1);
    this.#keep(number, key, held, tombstone, encodeStored(this.#parts.writer, tombstone));
    return { kind: "removal", key, version };
  }

  #endOwned(channel: Channel, instance: string, isMeant: (held: StoredEntry) => boolean): RemovalRecord[] {
    const { number } = channel.ahead;
    if (number === 0) return [];
    const start = ownedPrefix(number, instance);
    const keys = this.#parts.environment.keys({ start, end: afterPrefix(start) });
    const meant = keys.flatMap((owned) => {
      const key = textAt(owned, start.length);
      const held = this.#held(number, key);
      return held?.owner?.instance === instance && isMeant(held) ? [{ key, held }] : [];
    });
    meant.sort((one, other) => one.held.version - other.held.version);
    return meant.map(({ key, held }) => this.#end(channel, key, held));
  }

  /** Takes the next place, and writes the line of the journal. */
  #advance(channel: Channel, head: ChannelHead, key: string, at: number, entries: number): void {
    const { queue, writer, ports } = this.#parts;
    const top = nextPlace(head.top, key, at, ports.hash);
    const line = { before: head.top.tag, at, key };
    queue.write(offsetKey(Kind.journal, head.number, top.offset), encodeChange(writer, line));
    let { floor } = head;
    if (top.offset - floor.offset > this.#bounds.journal) {
      const offset = floor.offset + 1;
      const oldest = queue.get(offsetKey(Kind.journal, head.number, offset));
      const next = queue.get(offsetKey(Kind.journal, head.number, offset + 1));
      if (oldest !== undefined) this.#forget(head.number, offset, decodeChange(oldest).key);
      const tag = next === undefined ? top.tag : decodeChange(next).before;
      floor = { epoch: floor.epoch, offset, tag };
    }
    channel.advance({ ...head, top, floor, at, entries: Math.max(0, head.entries + entries) });
    queue.touch(channel);
  }

  /** Takes a line from the journal, and the tombstone that it was kept for. */
  #forget(number: number, offset: number, key: string): void {
    const { queue } = this.#parts;
    queue.write(offsetKey(Kind.journal, number, offset), null);
    const entryKey = numberTextKey(Kind.state, number, key);
    const entry = queue.get(entryKey);
    if (entry === undefined) return;
    const { isTombstone, version } = decodeStored(entry);
    if (isTombstone && version === offset) queue.write(entryKey, null);
  }

  /** Writes an entry, and keeps the lists of who owns what and of what ends when in step with it. */
  #keep(number: number, key: string, held: StoredEntry | null, entry: StoredEntry, value: Uint8Array): void {
    const { queue, writer, state } = this.#parts;
    queue.write(numberTextKey(Kind.state, number, key), value);
    if (held !== null && held.owner !== null && held.owner.instance !== entry.owner?.instance)
      queue.write(ownedKey(number, held.owner.instance, key), null);
    if (entry.owner !== null) {
      writer.begin(4);
      writer.four(state.boot);
      queue.write(ownedKey(number, entry.owner.instance, key), writer.end());
    }
    if (held !== null && held.endsAt !== 0 && held.endsAt !== entry.endsAt)
      queue.write(endKey(held.endsAt, number, key), null);
    if (entry.endsAt === 0) return;
    queue.write(endKey(entry.endsAt, number, key), PRESENT);
    this.#endsAt(entry.endsAt);
  }

  #held(number: number, key: string): StoredEntry | null {
    const entry = this.#stored(number, key);
    return entry?.isTombstone === true ? null : entry;
  }

  /** An entry, or what is left of one that ended. */
  #stored(number: number, key: string): StoredEntry | null {
    const value = this.#parts.queue.get(numberTextKey(Kind.state, number, key));
    return value === undefined ? null : decodeStored(value);
  }

  #done(
    channel: Channel,
    before: ChannelHead,
    records: readonly StateRecord[],
    version: number = channel.ahead.top.offset,
  ): Applied {
    return { ok: true, before, after: channel.ahead, version, records };
  }
}
