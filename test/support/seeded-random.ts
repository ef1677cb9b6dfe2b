/**
 * Chance from a seed, so that a run can be had again: mulberry32 (public domain, Tommy Ettinger), which is fast and
 * good enough to choose what a test does next.
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** One of the list, each as likely. */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new Error("Expected a list that is not empty.");
    return picked;
  }

  /** One of the names, each as often as its weight says. */
  weigh<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries: [K, number][] = [];
    for (const name in weights) entries.push([name, weights[name]]);
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new Error("Expected weights over zero.");
  }
}
