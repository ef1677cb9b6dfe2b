import type { Kill } from "./cluster.ts";

/** Times from a kill to the next delivery, in milliseconds, sorted. */
export interface PauseTimes {
  /** To any subscriber. */
  readonly first: readonly number[];
  /** To each of them that got anything before the next kill. */
  readonly each: readonly number[];
}

/** Measures how long nothing was delivered after a kill. Subscribers are read one after the other, each in its order. */
export class Pauses {
  readonly #kills: readonly Kill[];
  readonly #first: number[];
  readonly #each: number[] = [];
  #subscriber = "";
  /** The next kill that the subscriber has not recovered from. */
  #next = 0;

  constructor(kills: readonly Kill[]) {
    this.#kills = kills;
    this.#first = kills.map(() => Infinity);
  }

  note(subscriber: string, at: number): void {
    if (subscriber !== this.#subscriber) {
      this.#subscriber = subscriber;
      this.#next = this.#lastBackBefore(at);
    }
    let kill = this.#kills[this.#next];
    // What came before the node was back had been sent before the kill.
    if (kill === undefined || at < kill.backAt) return;
    // Who slept through several kills has recovered from the last of them only.
    for (let later = this.#kills[this.#next + 1]; later !== undefined && later.backAt <= at;) {
      kill = later;
      later = this.#kills[++this.#next + 1];
    }
    const pauseMs = at - kill.at;
    this.#each.push(pauseMs);
    this.#first[this.#next] = Math.min(this.#first[this.#next] ?? Infinity, pauseMs);
    this.#next++;
  }

  get times(): PauseTimes {
    const sorted = (times: readonly number[]): number[] => times.filter(Number.isFinite).sort((a, b) => a - b);
    return { first: sorted(this.#first), each: sorted(this.#each) };
  }

  /** A subscriber that begins now has not seen the kills before. */
  #lastBackBefore(at: number): number {
    const later = this.#kills.findIndex(({ at: killedAt }) => killedAt > at);
    return later === -1 ? this.#kills.length : later;
  }
}

/** The value below which that share of the sorted times is; 0 if there are none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
