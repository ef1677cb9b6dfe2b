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
import { Kind, numberTextKey, offsetKey, offsetOf } from "./layout.ts";
import { decodeEntry, encodeEntry, type LogEntry } from "./log-codec.ts";
import { OffsetValue } from "./offset-value.ts";
import { damaged } from "./store-error.ts";

/** Entries over the size that may stay until it is worth the while to take them away. */
const EXCESS_MAX = 64;
/** Entries that one append takes away at most. */
const TRIM_PER_APPEND = 128;

/** What an append came to: what to deliver and to answer once it is durable. */
export interface Appended {
  readonly ok: true;
  readonly before: ChannelHead;
  readonly after: ChannelHead;
  readonly record: LogRecord;
}

/** The copy of a publication that has its payload. */
interface Copy {
  readonly entry: LogEntry;
  readonly key: Buffer;
  readonly isRetained: boolean;
}

/** What is appended, and what it takes the place of. */
interface Addition {
  readonly record: LogRecord;
  readonly author: Publisher | null;
  /** Where the index of ids has the publication. */
  readonly idKey: Buffer;
  readonly older: Copy | null;
}

/** What is written to log channels. Everything is decided here; nothing is durable until the queue says so. */
export class LogStore {
  readonly #parts: StoreParts;
  readonly #faults: Faults;

  constructor(parts: StoreParts, faults: Faults) {
    this.#parts = parts;
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
    const gone: { readonly key: Buffer; readonly entry: LogEntry; readonly offset: number }[] = [];
    for (const { key, value } of environment.range({ start, end, limit })) {
      const offset = offsetOf(key);
      const own = offsetKey(Kind.entry, head.number, offset);
      const entry = decodeEntry(this.#parts.queue.get(own) ?? value);
      if (offset <= head.top.offset - head.historySize || entry.agedAt < oldest) gone.push({ key: own, entry, offset });
      else break;
    }
    const last = gone.at(-1);
    if (last === undefined) return 0;
    for (const { key, entry } of gone) {
      this.#parts.queue.write(key, null);
      if (!entry.isMoved) this.#parts.queue.write(numberTextKey(Kind.id, head.number, subjectOf(entry)), null);
    }
    const floor = { epoch: head.top.epoch, offset: last.offset, tag: last.entry.tag };
    channel.advance({ ...head, floor });
    this.#parts.queue.touch(channel);
    return gone.length;
  }

  #publish(channel: Channel, head: ChannelHead, request: AppendRequest, now: number): Appended | Failure {
    const { id, data, publisher, tags, meta, version, expiresInMs } = request;
    const idKey = numberTextKey(Kind.id, head.number, id);
    // Amendments name publications by id, so an id stands for one publication among the retained ones.
    const older = this.#faults.has("no-dedup") ? null : this.#newestCopy(head, idKey);
    if (older?.isRetained === true) return reused(id);
    const expires = expiresInMs === 0 ? 0 : asSix(now + expiresInMs);
    const record: LogRecord = { kind: "publication", id, at: now, data, publisher, tags, meta, expires, version };
    return this.#append(channel, head, request, { record, author: publisher, idKey, older });
  }

  #amend(
    channel: Channel,
    head: ChannelHead,
    request: AppendRequest,
    { target, onlyBy }: NonNullable<AppendRequest["amend"]>,
    now: number,
  ): Appended | Failure {
    const idKey = numberTextKey(Kind.id, head.number, target);
    const older = this.#newestCopy(head, idKey);
    if (older?.isRetained !== true) return unknownPublication(target);
    const { author } = older.entry;
    if (onlyBy !== null && author?.user !== onlyBy) return notYourPublication();
    const { id, data, publisher } = request;
    const { expires } = older.entry.record;
    const record: LogRecord = { kind: "amend", id, amend: target, at: now, data, publisher, expires };
    return this.#append(channel, head, request, { record, author, idKey, older });
  }

  #append(channel: Channel, head: ChannelHead, { options }: AppendRequest, addition: Addition): Appended {
    const { queue, writer, ports } = this.#parts;
    const { record, author, idKey, older } = addition;
    const top = nextPlace(head.top, record.id, record.at, ports.hash);
    const at = Math.max(head.at, record.at);
    const isEmpty = head.floor.offset === head.top.offset;
    // What is kept is one stretch up to the top, so a log that keeps nothing any more goes on until it has become empty.
    const isKept = options.historySize > 0 || !isEmpty;
    if (isKept) {
      const value = encodeEntry(writer, { record, tag: top.tag, isMoved: false, author, agedAt: at });
      // The payload that was there is written over in the same commit; the index of ids leads to the new one. An entry
      // that only waits to be trimmed gives its id up as well, or trimming it would take the id of the new one away.
      if (older !== null) queue.write(older.key, encodeEntry(writer, { ...older.entry, isMoved: true }));
      queue.write(offsetKey(Kind.entry, head.number, top.offset), value);
      queue.write(idKey, OffsetValue.encode(top.offset));
    }
    const after: ChannelHead = { ...head, ...boundsOf(options), top, floor: isKept ? head.floor : top, at };
    channel.advance(after);
    queue.touch(channel);
    if (top.offset - after.floor.offset - after.historySize >= EXCESS_MAX) this.trim(channel, TRIM_PER_APPEND);
    return { ok: true, before: head, after, record };
  }

  /** The copy of a publication that has its payload. It may be there and no longer count as retained. */
  #newestCopy(head: ChannelHead, idKey: Buffer): Copy | null {
    const { queue, ports } = this.#parts;
    const value = queue.get(idKey);
    if (value === undefined) return null;
    const offset = OffsetValue.decode(value);
    const key = offsetKey(Kind.entry, head.number, offset);
    const stored = queue.get(key);
    if (stored === undefined) throw damaged("the index of publication ids leads to nothing");
    const entry = decodeEntry(stored);
    const isYoung = entry.agedAt >= ports.wallMs() - head.historyTtlMs;
    return { entry, key, isRetained: isYoung && offset > this.#floorOf(head) };
  }

  /** The offset up to which nothing is retained, by size. */
  #floorOf(head: ChannelHead): number {
    return Math.max(head.floor.offset, head.top.offset - head.historySize);
  }
}

/** The publication that the entry is a copy of. */
function subjectOf({ record }: LogEntry): string {
  return record.kind === "amend" ? record.amend : record.id;
}
