import type { Answer } from "../backplane/channel-store.ts";
import type { Ports } from "../core/ports.ts";

type Waiter<T> = (answer: Answer<T>) => void;

interface Slot<T> {
  /** Monotonic time until which the answer may be handed out; 0: not at all. */
  until: number;
  answer: Answer<T> | null;
  readonly waiters: Waiter<T>[];
}

/** Channels whose answers are kept at most: a storm of returning clients stands at few places. */
const CHANNELS_MAX = 1_024;
/** Answers kept per channel. */
const ANSWERS_MAX = 64;
/** An answer may show what has expired meanwhile, for no longer than this. */
const FRESH_MS = 1_000;

/**
 * One question to the store at a time, however many ask it; the answer is kept briefly, until something happens in
 * its channel. Without it, 5,000 clients that come back to one channel would read the same page 5,000 times.
 */
export class SingleFlight<T> {
  readonly #channels = new Map<string, Map<string, Slot<T>>>();
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Answers from what is known or in flight; asks `read` otherwise. */
  ask(channel: string, key: string, done: Waiter<T>, read: (answer: Waiter<T>) => void): void {
    const slots = this.#slots(channel);
    const known = slots.get(key);
    if (known !== undefined && known.until > this.#ports.monotonicMs()) {
      if (known.answer === null) known.waiters.push(done);
      else done(known.answer);
      return;
    }
    evictOldest(slots, ANSWERS_MAX);
    const slot: Slot<T> = { until: this.#ports.monotonicMs() + FRESH_MS, answer: null, waiters: [done] };
    slots.set(key, slot);
    read((answer) => {
      slot.answer = answer;
      if (!answer.ok) slot.until = 0;
      for (const waiter of slot.waiters.splice(0)) waiter(answer);
    });
  }

  /** The answer that is kept, and would be handed out; null: none is. */
  kept(channel: string, key: string): Answer<T> | null {
    return this.#channels.get(channel)?.get(key)?.answer ?? null;
  }

  /** Something happened in the channel: kept answers are forgotten, those in flight are not kept. */
  invalidate(channel: string): void {
    const slots = this.#channels.get(channel);
    if (slots === undefined) return;
    for (const slot of slots.values()) slot.until = 0;
    this.#channels.delete(channel);
  }

  #slots(channel: string): Map<string, Slot<T>> {
    const known = this.#channels.get(channel);
    if (known !== undefined) return known;
    evictOldest(this.#channels, CHANNELS_MAX);
    const slots = new Map<string, Slot<T>>();
    this.#channels.set(channel, slots);
    return slots;
  }
}

/** Makes room for one more. Whoever waits for an evicted answer still gets it: the read holds its slot. */
function evictOldest(map: Map<string, unknown>, max: number): void {
  const [oldest] = map.keys();
  if (map.size >= max && oldest !== undefined) map.delete(oldest);
}
