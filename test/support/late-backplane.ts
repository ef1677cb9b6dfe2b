import { memory, type Backplane, type OpenBackplane } from "@carillon/server";
import type { SeededRandom } from "./seeded-random.ts";

type Channels = OpenBackplane["channels"];
type Tickets = OpenBackplane["tickets"];

/**
 * The memory backplane with the habits of one behind a network: it acts at once, and answers some turns of the event
 * loop later, the answers to different questions in any order. So whatever can happen between a question and its
 * answer does happen.
 */
export class LateBackplane {
  readonly backplane: Backplane;
  /** Channels whose delivery was started and not ended: the store's side of the hub's registry. */
  readonly subscribed = new Set<string>();
  readonly #random: SeededRandom;
  readonly #turnsMax: number;

  /** @param turnsMax an answer is this many turns late at most */
  constructor(random: SeededRandom, turnsMax: number) {
    this.#random = random;
    this.#turnsMax = turnsMax;
    const inner = memory();
    this.backplane = {
      name: "late memory",
      open: (context, done) =>
        inner.open(context, (opened) => done(opened instanceof Error ? opened : this.#late(opened))),
    };
  }

  #late(opened: OpenBackplane): OpenBackplane {
    return { ...opened, channels: this.#channels(opened.channels), tickets: this.#tickets(opened.tickets) };
  }

  #channels(inner: Channels): Channels {
    return {
      capabilities: inner.capabilities,
      idempotencyEpoch: inner.idempotencyEpoch,
      subscribe: (channel, options, done) => {
        this.subscribed.add(channel);
        inner.subscribe(channel, options, this.#later(done));
      },
      unsubscribe: (channel) => {
        this.subscribed.delete(channel);
        inner.unsubscribe(channel);
      },
      append: (batch) => inner.append(batch),
      apply: (batch) => inner.apply(batch),
      read: (request, done) => inner.read(request, this.#later(done)),
      history: (request, done) => inner.history(request, this.#later(done)),
      snapshot: (channel, options, done) => inner.snapshot(channel, options, this.#later(done)),
      remove: (channel, options, done) => inner.remove(channel, options, this.#later(done)),
      close: () => inner.close(),
    };
  }

  #tickets(inner: Tickets): Tickets {
    return {
      put: (key, value, ttlMs, done) => inner.put(key, value, ttlMs, this.#later(done)),
      take: (key, done) => inner.take(key, this.#later(done)),
      read: (key, done) => inner.read(key, this.#later(done)),
      swap: (key, before, value, ttlMs, done) => inner.swap(key, before, value, ttlMs, this.#later(done)),
      revoke: (user, ttlMs, done) => inner.revoke(user, ttlMs, this.#later(done)),
      revokedAt: (user, done) => inner.revokedAt(user, this.#later(done)),
    };
  }

  #later<T>(done: (answer: T) => void): (answer: T) => void {
    let turns = this.#random.below(this.#turnsMax + 1);
    return (answer) => {
      const turn = (): void => {
        if (turns-- <= 0) return done(answer);
        setImmediate(turn);
      };
      turn();
    };
  }
}
