import type { Ports, Timer } from "../core/ports.ts";

/** What the coalescer holds back. */
export interface Coalesced {
  /** Held at most this long, in milliseconds. */
  readonly coalesceMs: number;
}

interface Round<T> {
  readonly held: Set<T>;
  readonly timer: Timer;
}

/**
 * Holds channels back for their coalescing interval. There is one timer for each interval that a contract names, and
 * only while something is held: the first channel starts a round, those that come later join it and are held shorter.
 * So whatever number of channels has one interval, all of them go out in one tick, as a game's do.
 */
export class Coalescer<T extends Coalesced> {
  /** By interval, of which there are as many as patterns at most. */
  readonly #rounds = new Map<number, Round<T>>();
  readonly #ports: Ports;
  readonly #release: (held: Iterable<T>) => void;

  /** `release` is called at the end of a round with what was held. */
  constructor(ports: Ports, release: (held: Iterable<T>) => void) {
    this.#ports = ports;
    this.#release = release;
  }

  /** Holds it until the end of its interval's round. Harmless for what is held already. */
  hold(item: T): void {
    const { coalesceMs } = item;
    const round = this.#rounds.get(coalesceMs);
    if (round !== undefined) return void round.held.add(item);
    const held = new Set([item]);
    const timer = this.#ports.after(coalesceMs, () => {
      this.#rounds.delete(coalesceMs);
      this.#release(held);
    });
    this.#rounds.set(coalesceMs, { held, timer });
  }

  /** Takes it out of its round, and ends a round in which nothing is left. */
  drop(item: T): void {
    const round = this.#rounds.get(item.coalesceMs);
    if (round?.held.delete(item) !== true || round.held.size > 0) return;
    round.timer.cancel();
    this.#rounds.delete(item.coalesceMs);
  }
}
