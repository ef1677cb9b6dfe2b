import type { Channel } from "./channel.ts";
import type { Stream } from "./stream.ts";

/** Sequences of one stream that are remembered as seen; beyond, everything is checked. */
const SEEN_MAX = 50_000;

/** What it costs to ask one channel, in changes that could be listed instead. */
const QUESTION_COST = 4;

/** What the watch did, for metrics and tests. */
export interface WatchCounts {
  /** Streams that were found to have been replaced or put back. */
  rollbacks: number;
  /** Channels that were found to be behind. */
  missed: number;
}

/**
 * Whether live delivery of one stream misses something (P6), though nothing follows that would show it. Once per round the
 * stream is asked for its last sequence. What came since the round before was either seen here, all of it, and then there
 * is nothing to do; or the changes are listed, without their data, and compared with what is known of subscribed
 * channels; or, if fewer channels are subscribed than there were changes, those are asked one by one.
 */
export class SilenceWatch {
  readonly #stream: Stream;
  readonly #counts: WatchCounts;
  readonly #filter: string;
  #seen = new Set<number>();
  /** Everything up to here is accounted for. */
  #checked = -1;
  /** The last sequence at the round before: live delivery of it has had a whole round. */
  #due = -1;
  #created = "";

  constructor(stream: Stream, filter: string, counts: WatchCounts) {
    this.#stream = stream;
    this.#filter = filter;
    this.#counts = counts;
  }

  /** A message of the stream was seen, live or because this node stored it. */
  saw(seq: number): void {
    if (seq > this.#checked && this.#seen.size < SEEN_MAX) this.#seen.add(seq);
  }

  /**
   * One round. Resolves to true if the stream is not what it was, and nothing that is known of it can be trusted. Rejects
   * with a `Trouble`.
   */
  async round(subscribed: ReadonlyMap<string, Channel>): Promise<boolean> {
    const state = await this.#stream.state();
    const lastSeq = state?.lastSeq ?? 0;
    const created = state?.created ?? "";
    const isFirst = this.#checked === -1;
    const isOther = !isFirst && (created !== this.#created || lastSeq < this.#due);
    if (isFirst || isOther) {
      this.#created = created;
      this.#checked = lastSeq;
      this.#due = lastSeq;
      this.#seen.clear();
      if (isOther) this.#counts.rollbacks++;
      // What was missed before the first look can't be told from what is old, so each channel is asked, once.
      else for (const channel of subscribed.values()) channel.sync();
      return isOther;
    }
    await this.#check(subscribed);
    this.#due = lastSeq;
    return false;
  }

  async #check(subscribed: ReadonlyMap<string, Channel>): Promise<void> {
    const from = this.#checked;
    const to = this.#due;
    const changes = to - from;
    if (changes <= 0) return;
    let seen = 0;
    for (const seq of this.#seen) if (seq > from && seq <= to) seen++;
    if (seen < changes && subscribed.size > 0) {
      if (subscribed.size * QUESTION_COST <= changes) for (const channel of subscribed.values()) channel.sync();
      else await this.#list(from + 1, subscribed);
    }
    this.#checked = to;
    this.#seen = new Set([...this.#seen].filter((seq) => seq > to));
  }

  /** Lists what has changed. A channel that is behind reads what it misses, and delivers it. */
  async #list(from: number, subscribed: ReadonlyMap<string, Channel>): Promise<void> {
    const latest = new Map<Channel, number>();
    await this.#stream.scan(this.#filter, from, true, ({ seq }, subject) => {
      const channel = subscribed.get(subject);
      if (channel !== undefined && seq <= this.#due) latest.set(channel, seq);
    });
    for (const [channel, seq] of latest) {
      if ((channel.chain.replica?.seq ?? seq) >= seq) continue;
      this.#counts.missed++;
      channel.sync();
    }
  }
}
