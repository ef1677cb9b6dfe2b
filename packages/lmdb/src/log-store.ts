import {
  nextPlace,
  notYourPublication,
  reused,
  unknownPublication,
  type AppendRequest,
  type Faults,
  type Failure,
  type LogRecord,
} from "@carillon/server/backplane";
import type { Publisher } from "@carillon/protocol";
import { asSix, boundsOf, type ChannelHead } from "./head-codec.ts";
import type { Channel } from "./channel.ts";
import type { StoreParts } from "./channel-table.ts";
import { IdIndex } from "./id-index.ts";
import { Kind, offsetKey, offsetOf, type Key } from "./layout.ts";
import { decodeEntry, decodeSummary, encodeEntry, type EntrySummary, type LogEntry } from "./log-codec.ts";
import { OffsetValue } from "./offset-value.ts";
import { damaged } from "./store-error.ts";

/** Entries over the size that may stay until it is worth the while to take them away: a quarter, within these. */
const EXCESS_MIN = 16;
const EXCESS_MAX = 256;
/** Entries that one append takes away at most. */
const TRIM_PER_APPEND = 512;

/** What an append came to: what to deliver once it is durable. The channel stands behind it. */
export interface Appended {
  readonly ok: true;
  readonly record: LogRecord;
}

/** A publication as it is now. */
interface Found {
  /** Where it was appended. */
  readonly origin: number;
  /** The copy that has its payload, and where that is. */
  readonly entry: LogEntry;
  readonly key: Key;
  /** True: it was amended. */
  readonly isAmended: boolean;
  /** False: it is only waiting to be trimmed. */
  readonly isRetained: boolean;
}

/** What is appended, and what it takes the place of. */
interface Addition {
  readonly record: LogRecord;
  readonly author: Publisher | null;
  /** Of an amendment: where the publication was appended; 0 otherwise. */
  readonly origin: number;
  readonly older: Found | null;
}

/** What is written to log channels. Everything is decided here; nothing is durable until the queue says so. */
export class LogStore {
  readonly #parts: StoreParts;
  readonly #faults: Faults;
  readonly #ids: IdIndex;

  constructor(parts: StoreParts, faults: Faults) {
    this.#parts = parts;
    this.#ids = new IdIndex(parts);
    this.#faults = faults;
  }

  /** Appends a publication or an amendment. `head` is the channel's, of the kind log. */
  append(channel: Channel, head: ChannelHead, request: AppendRequest): Appended | Failure {
    const now = asSix(this.#parts.ports.wallMs());
    return request.amend === null
      ? this.#publish(channel, head, request, now)
      : this.#amend(channel, head, request, request.amend, now);
  }

  /**
   * Takes away what is over the size or the age, oldest first and at most `limit` entries. Returns how many. The work
   * is bounded, so that no commit is held up by a history that became shorter; reads hold to the bounds by themselves.
   */
  trim(channel: Channel, limit: number): number {
    const { environment, ports } = this.#parts;
    const head = channel.ahead;
    if (head.number === 0 || head.kind !== "log") return 0;
    const oldest = ports.wallMs() - head.historyTtlMs;
    const start = offsetKey(Kind.entry, head.number, head.floor.offset + 1);
    const end = offsetKey(Kind.entry, head.number, head.top.offset + 1);
    const gone: { readonly key: Key; readonly entry: EntrySummary; readonly offset: number }[] = [];
    for (const { key, value } of environment.range({ start, end, limit })) {
      const offset = offsetOf(key);
      // It may have been amended since; what is about to be written counts.
      const entry = decodeSummary(this.#parts.queue.decided(key) ?? value);
      if (offset > head.top.offset - head.historySize && entry.agedAt >= oldest) break;
      gone.push({ key, entry, offset });
    }
    const last = gone.at(-1);
    if (last === undefined) return 0;
    for (const { key, entry, offset } of gone) this.#letGo(channel, key, entry, offset);
    const floor = { epoch: head.top.epoch, offset: last.offset, tag: last.entry.tag };
    channel.advance({ ...channel.ahead, floor });
    this.#parts.queue.touch(channel);
    return gone.length;
  }

  /** Takes an entry away; with the last copy of a publication, what is known of it by id. */
  #letGo(channel: Channel, key: Key, { publication, isAmend, isMoved, origin }: EntrySummary, offset: number): void {
    const { queue } = this.#parts;
    queue.write(key, null);
    if (isMoved) return;
    if (isAmend) queue.write(offsetKey(Kind.newest, channel.ahead.number, origin), null);
    this.#ids.remove(channel, publication, isAmend ? origin : offset);
  }

  #publish(channel: Channel, head: ChannelHead, request: AppendRequest, now: number): Appended | Failure {
    const { id, data, publisher, tags, meta, version, expiresInMs } = request;
    // Amendments name publications by id, so an id stands for one publication among the retained ones.
    const older = this.#faults.has("no-dedup") ? null : this.#find(channel, head, id);
    if (older?.isRetained === true) return reused(id);
    const expires = expiresInMs === 0 ? 0 : asSix(now + expiresInMs);
    const record: LogRecord = { kind: "publication", id, at: now, data, publisher, tags, meta, expires, version };
    return this.#append(channel, head, request, { record, author: publisher, origin: 0, older });
  }

  #amend(
    channel: Channel,
    head: ChannelHead,
    request: AppendRequest,
    { target, onlyBy }: NonNullable<AppendRequest["amend"]>,
    now: number,
  ): Appended | Failure {
    const older = this.#find(channel, head, target);
    if (older?.isRetained !== true) return unknownPublication(target);
    const { author } = older.entry;
    if (onlyBy !== null && author?.user !== onlyBy) return notYourPublication();
    const { id, data, publisher, version } = request;
    const { expires } = older.entry.record;
    const record: LogRecord = { kind: "amend", id, amend: target, at: now, data, publisher, expires, version };
    return this.#append(channel, head, request, { record, author, origin: older.origin, older });
  }

  #append(channel: Channel, head: ChannelHead, { options }: AppendRequest, addition: Addition): Appended {
    const { queue, writer, ports } = this.#parts;
    const { record, author, origin } = addition;
    const top = nextPlace(head.top, record.id, record.at, ports.hash);
    const at = Math.max(head.at, record.at);
    const isEmpty = head.floor.offset === head.top.offset;
    // What is kept is one stretch up to the top, so a log that keeps nothing any more goes on until it has become empty.
    const isKept = options.historySize > 0 || !isEmpty;
    // Encoded before anything is written: if it can't be, nothing has happened.
    const value = encodeEntry(writer, { record, tag: top.tag, isMoved: false, origin, author, agedAt: at });
    const { kind, number, indexed, entries } = head;
    const floor = isKept ? head.floor : top;
    const after: ChannelHead = { kind, number, top, floor, indexed, at, entries, ...boundsOf(options) };
    channel.advance(after);
    queue.touch(channel);
    if (isKept) {
      queue.write(offsetKey(Kind.entry, head.number, top.offset), value);
      this.#replace(channel, top.offset, addition);
      const excess = Math.min(EXCESS_MAX, Math.max(EXCESS_MIN, after.historySize / 4));
      if (top.offset - after.floor.offset - after.historySize >= excess) this.trim(channel, TRIM_PER_APPEND);
    }
    return { ok: true, record };
  }

  /** Leads from the publication to the copy of its payload at `offset`; the payload that was there is written over. */
  #replace(channel: Channel, offset: number, { record, origin, older }: Addition): void {
    const { queue, writer } = this.#parts;
    const { number } = channel.ahead;
    if (older !== null) queue.write(older.key, encodeEntry(writer, { ...older.entry, isMoved: true }));
    if (record.kind === "amend") {
      queue.write(offsetKey(Kind.newest, number, origin), OffsetValue.encode(offset));
      return;
    }
    // A publication that only waits to be trimmed gives its id up, or trimming it would take it from the new one.
    if (older?.isAmended === true) queue.write(offsetKey(Kind.newest, number, older.origin), null);
    this.#ids.add(channel, record.id, offset);
  }

  #find(channel: Channel, head: ChannelHead, id: string): Found | null {
    const { queue, ports } = this.#parts;
    const origin = this.#ids.find(channel, id);
    if (origin === null) return null;
    const newest = queue.get(offsetKey(Kind.newest, head.number, origin));
    const offset = newest === undefined ? origin : OffsetValue.decode(newest);
    const key = offsetKey(Kind.entry, head.number, offset);
    const stored = queue.get(key);
    if (stored === undefined) throw damaged("the index of publication ids leads to nothing");
    const entry = decodeEntry(stored);
    const isYoung = entry.agedAt >= ports.wallMs() - head.historyTtlMs;
    const isRetained = isYoung && offset > this.#floorOf(head);
    return { origin, entry, key, isAmended: newest !== undefined, isRetained };
  }

  /** The offset up to which nothing is retained, by size. */
  #floorOf(head: ChannelHead): number {
    return Math.max(head.floor.offset, head.top.offset - head.historySize);
  }
}
