/** How many ids all channels of a store have in memory together. */
export interface IdCount {
  ids: number;
}

/** Offsets of a channel's newest publications by their ids, in the order in which they were added. */
export class RecentIds {
  readonly #offsets = new Map<string, number>();
  readonly #count: IdCount;

  constructor(count: IdCount) {
    this.#count = count;
  }

  get size(): number {
    return this.#offsets.size;
  }

  get(id: string): number | undefined {
    return this.#offsets.get(id);
  }

  set(id: string, offset: number): void {
    const before = this.#offsets.size;
    this.#offsets.set(id, offset);
    this.#count.ids += this.#offsets.size - before;
  }

  delete(id: string): void {
    if (this.#offsets.delete(id)) this.#count.ids--;
  }

  /** All of them; they are forgotten. */
  takeAll(): [id: string, offset: number][] {
    const all = [...this.#offsets];
    this.release();
    return all;
  }

  /** Forgets them. */
  release(): void {
    this.#count.ids -= this.#offsets.size;
    this.#offsets.clear();
  }
}
