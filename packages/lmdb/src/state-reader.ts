import {
  formatPlace,
  parsePlace,
  payloadSize,
  type EntryRecord,
  type Faults,
  type Page,
  type PageBounds,
  type Place,
  type Snapshot,
  type StateRecord,
} from "@carillon/server/backplane";
import type { StoreParts } from "./channel-table.ts";
import type { ChannelHead } from "./head-codec.ts";
import { afterPrefix, Kind, numberKey, numberTextKey, offsetKey, textAt } from "./layout.ts";
import { decodeChange, decodeStored, type StoredEntry } from "./state-codec.ts";
import { damaged } from "./store-error.ts";

/**
 * What is read of state channels: from disk alone, where everything is durable. Each method runs within one call, and
 * so sees the file at one moment; `head` is the channel's head at that moment.
 */
export class StateReader {
  readonly #parts: StoreParts;
  readonly #faults: Faults;

  constructor(parts: StoreParts, faults: Faults) {
    this.#parts = parts;
    this.#faults = faults;
  }

  /** The latest value of each key that changed after a position, in order of version; a gap: take a snapshot. */
  read(head: ChannelHead, after: string, bounds: PageBounds): Page {
    const start = parsePlace(after);
    const topText = formatPlace(head.top);
    if (start === null || !this.#isGood(start, head)) {
      return { prev: topText, pos: topText, records: [], atTop: true, gap: "trimmed" };
    }
    const records: StateRecord[] = [];
    let bytes = 0;
    let version = start.offset;
    const from = offsetKey(Kind.journal, head.number, start.offset + 1);
    const end = offsetKey(Kind.journal, head.number, head.top.offset + 1);
    for (const { value } of start.offset >= head.top.offset
      ? []
      : this.#parts.environment.range({ start: from, end })) {
      const { key, before } = decodeChange(value);
      version++;
      const record = this.#latest(head.number, key, version);
      if (record === null) continue;
      bytes += record.kind === "entry" ? payloadSize(record.data) : 0;
      if (records.length === bounds.items || (bytes > bounds.bytes && records.length > 0)) {
        const pos = formatPlace({ epoch: head.top.epoch, offset: version - 1, tag: before });
        return { prev: after, pos, records, atTop: false, gap: null };
      }
      records.push(record);
    }
    if (version !== head.top.offset) throw damaged("a line of a journal is missing");
    return { prev: after, pos: topText, records, atTop: true, gap: null };
  }

  /** All entries, oldest version first. */
  snapshot(head: ChannelHead): Snapshot {
    const records: EntryRecord[] = [];
    const start = numberKey(Kind.state, head.number);
    for (const { key, value } of head.number === 0
      ? []
      : this.#parts.environment.range({ start, end: afterPrefix(start) })) {
      const entry = decodeStored(value);
      if (!entry.isTombstone) records.push(asRecord(textAt(key, start.length), entry));
    }
    return { pos: formatPlace(head.top), records: records.sort((one, other) => one.version - other.version) };
  }

  /** True if the journal goes on from the place, or the place is the top (P5). */
  #isGood(place: Place, head: ChannelHead): boolean {
    const { top, floor } = head;
    if (place.epoch !== top.epoch || place.offset < floor.offset || place.offset > top.offset) return false;
    if (this.#faults.has("no-tag-check")) return true;
    if (place.offset === top.offset) return place.tag === top.tag;
    const next = this.#parts.environment.get(offsetKey(Kind.journal, head.number, place.offset + 1));
    if (next === undefined) throw damaged("a line of a journal is missing");
    return decodeChange(next).before === place.tag;
  }

  /** The record of a key if this version is its latest: older ones are what conflation skips. */
  #latest(number: number, key: string, version: number): StateRecord | null {
    const value = this.#parts.environment.get(numberTextKey(Kind.state, number, key));
    const entry = value === undefined ? null : decodeStored(value);
    if (entry?.version !== version) return null;
    return entry.isTombstone ? { kind: "removal", key, version } : asRecord(key, entry);
  }
}

function asRecord(key: string, { version, at, data, owner }: StoredEntry): EntryRecord {
  return { kind: "entry", key, version, at, data, owner };
}
