import type { Channel } from "./channel.ts";
import type { StoreParts } from "./channel-table.ts";
import { Kind, numberTextKey, offsetKey, offsetOf } from "./layout.ts";
import { decodeSummary } from "./log-codec.ts";
import { OffsetValue } from "./offset-value.ts";
import { RecentIds, type IdCount } from "./recent-ids.ts";

/** Ids of a channel that are kept in memory before they go to the index on disk together. */
const RECENT_MAX = 2_048;
/** The same, once all channels together have a lot. */
const RECENT_MAX_OF_MANY = 256;
/** A lot: some 50 MB. */
const MANY = 500_000;

/**
 * Where the publications of a log are, by id: for amending them, and so that an id stands for one of them. Ids come in
 * no order; written one by one, each would take a page of the file with it. So the newest are kept in memory, and go to
 * disk many at a time, if they are not trimmed before; after a restart they are read from the log itself.
 */
export class IdIndex {
  readonly #parts: StoreParts;
  readonly #count: IdCount = { ids: 0 };

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** The offset at which the publication with that id was appended, null if there is none. It may have been trimmed. */
  find(channel: Channel, id: string): number | null {
    const recent = this.#recent(channel).get(id);
    if (recent !== undefined) return recent;
    const { number, indexed } = channel.ahead;
    if (indexed === 0) return null;
    const value = this.#parts.queue.get(numberTextKey(Kind.id, number, id));
    return value === undefined ? null : OffsetValue.decode(value);
  }

  /** Remembers a publication that has just been appended to the channel. */
  add(channel: Channel, id: string, offset: number): void {
    const recent = this.#recent(channel);
    recent.set(id, offset);
    if (recent.size < (this.#count.ids < MANY ? RECENT_MAX : RECENT_MAX_OF_MANY)) return;
    const { queue } = this.#parts;
    const { ahead } = channel;
    for (const [one, at] of recent.takeAll())
      queue.write(numberTextKey(Kind.id, ahead.number, one), OffsetValue.encode(at));
    channel.advance({ ...ahead, indexed: ahead.top.offset });
    queue.touch(channel);
  }

  /** Forgets a publication of which nothing is left. */
  remove(channel: Channel, id: string, offset: number): void {
    const recent = this.#recent(channel);
    const { number, indexed } = channel.ahead;
    if (recent.get(id) === offset) recent.delete(id);
    else if (offset <= indexed) this.#parts.queue.write(numberTextKey(Kind.id, number, id), null);
  }

  #recent(channel: Channel): RecentIds {
    channel.recent ??= this.#read(channel);
    return channel.recent;
  }

  /** Reads what is not in the index on disk yet. Nothing of the channel is under way when it is first needed. */
  #read(channel: Channel): RecentIds {
    const { number, top, floor, indexed } = channel.ahead;
    const found = new RecentIds(this.#count);
    const first = Math.max(floor.offset, indexed) + 1;
    if (number === 0 || first > top.offset) return found;
    const range = {
      start: offsetKey(Kind.entry, number, first),
      end: offsetKey(Kind.entry, number, top.offset + 1),
    };
    for (const { key, value } of this.#parts.environment.range(range)) {
      const { publication, isAmend, origin } = decodeSummary(value);
      // An amendment stands for a publication that was trimmed, if its id is not in the index either.
      if (!isAmend) found.set(publication, offsetOf(key));
      else if (origin > indexed) found.set(publication, origin);
    }
    return found;
  }
}
