/** What ends at the same time is counted together, to the next tenth of a second. */
const GRAIN_MS = 100;

/** How many things have not ended yet, where each ends later than the one before: a count for each tenth of a second. */
export class Deadlines {
  readonly #counts = new Map<number, number>();
  #size = 0;

  /** How many have not ended. */
  get size(): number {
    return this.#size;
  }

  /** One more, which ends then. */
  add(endsAtMs: number): void {
    const grain = Math.ceil(endsAtMs / GRAIN_MS);
    this.#counts.set(grain, (this.#counts.get(grain) ?? 0) + 1);
    this.#size++;
  }

  /** Forgets those whose end has come. */
  expire(nowMs: number): void {
    for (const [grain, count] of this.#counts) {
      if (grain * GRAIN_MS > nowMs) return;
      this.#counts.delete(grain);
      this.#size -= count;
    }
  }
}
