import type { ChannelRecord, Ports, Timer } from "@carillon/server/backplane";
import type { Subscribed } from "./subscriptions.ts";

/** So long after an entry's end it is ended for certain: clocks of timers run a little fast. */
const SLACK_MS = 5;
/** Nodes do not come all at the same time. */
const SPREAD_MS = 25;
/** Between attempts while Redis can't be asked. */
const RETRY_MS = 1_000;

/**
 * Ends entries in time for those who watch: each node looks after the channels that it listens to. Where nobody listens,
 * the next who looks or writes ends what is over its time, by the same script; so it does not matter who is first.
 */
export class EntryEnds {
  readonly #timers = new Map<string, { readonly timer: Timer; readonly dueMs: number }>();
  readonly #ports: Ports;
  readonly #expire: (channel: string) => Promise<void>;
  readonly #isListened: (channel: string) => boolean;

  constructor(ports: Ports, expire: (channel: string) => Promise<void>, isListened: (channel: string) => boolean) {
    this.#ports = ports;
    this.#expire = expire;
    this.#isListened = isListened;
  }

  /** The next entry of a channel ends in so many milliseconds; null: none does. */
  untilNext(channel: string, ms: number | null): void {
    const known = this.#timers.get(channel);
    if (ms === null || !this.#isListened(channel)) {
      known?.timer.cancel();
      this.#timers.delete(channel);
      return;
    }
    const dueMs = this.#ports.monotonicMs() + ms;
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.timer.cancel();
    this.#set(channel, ms);
  }

  /** Items of a channel were delivered: among them may be entries that end. */
  delivered({ channel, options }: Subscribed, records: readonly ChannelRecord[]): void {
    if (options.ttlMs !== 0 && records.some(({ kind }) => kind === "entry")) this.untilNext(channel, options.ttlMs);
  }

  close(): void {
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #set(channel: string, ms: number): void {
    const delayMs = ms + SLACK_MS + this.#ports.random() * SPREAD_MS;
    const timer = this.#ports.after(delayMs, () => void this.#end(channel));
    this.#timers.set(channel, { timer, dueMs: this.#ports.monotonicMs() + ms });
  }

  async #end(channel: string): Promise<void> {
    this.#timers.delete(channel);
    try {
      await this.#expire(channel);
    } catch {
      // It is tried again for as long as somebody listens; whoever reads meanwhile ends them too.
      this.untilNext(channel, RETRY_MS);
    }
  }
}
