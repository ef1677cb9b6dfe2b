/** Where an id was seen: the commit, and which of its ids it is. */
export interface IdPlace {
  readonly commit: number;
  readonly index: number;
}

/** Slots at first; the table doubles as it fills. */
const CAPACITY_MIN = 1_024;

/**
 * Hashes of publication ids with the places where they were seen, in the order in which they came: the oldest are
 * forgotten first. Some 30 bytes an id and nothing for the garbage collector, so that a million of them are no burden.
 * Two ids may have the same hash: `find` returns every place, and the caller compares what stands there.
 *
 *     ring    hash  hash  hash  hash  …      oldest ──▶ newest, in numbered slots
 *     index   ·  3  ·  ·  1  2  ·  …         slot by hash; what collides lies behind it without a gap
 */
export class IdTable {
  #capacity = CAPACITY_MIN;
  #high: Int32Array = new Int32Array(CAPACITY_MIN);
  #low: Int32Array = new Int32Array(CAPACITY_MIN);
  #commits: Float64Array = new Float64Array(CAPACITY_MIN);
  #indexes: Int32Array = new Int32Array(CAPACITY_MIN);
  /** Twice as many cells as slots; a cell holds a slot plus one, 0 for none. */
  #cells: Int32Array = new Int32Array(CAPACITY_MIN * 2);
  #first = 0;
  #size = 0;

  /** How many ids it knows. */
  get size(): number {
    return this.#size;
  }

  /** Adds an id at the end. */
  add(high: number, low: number, place: IdPlace): void {
    if (this.#size === this.#capacity) this.#grow();
    const slot = (this.#first + this.#size) & (this.#capacity - 1);
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#commits[slot] = place.commit;
    this.#indexes[slot] = place.index;
    this.#size++;
    this.#link(slot);
  }

  /** Forgets the oldest ids. */
  removeOldest(count: number): void {
    for (let left = Math.min(count, this.#size); left > 0; left--) {
      this.#unlink(this.#first);
      this.#first = (this.#first + 1) & (this.#capacity - 1);
      this.#size--;
    }
  }

  /** The places of the ids with that hash. */
  find(high: number, low: number): IdPlace[] {
    const mask = this.#cells.length - 1;
    const places: IdPlace[] = [];
    for (let cell = cellOf(high, low) & mask; ; cell = (cell + 1) & mask) {
      const slot = this.#cells[cell]! - 1;
      if (slot < 0) return places;
      if (this.#high[slot] !== high || this.#low[slot] !== low) continue;
      places.push({ commit: this.#commits[slot]!, index: this.#indexes[slot]! });
    }
  }

  #link(slot: number): void {
    const mask = this.#cells.length - 1;
    let cell = cellOf(this.#high[slot]!, this.#low[slot]!) & mask;
    while (this.#cells[cell] !== 0) cell = (cell + 1) & mask;
    this.#cells[cell] = slot + 1;
  }

  /** Empties the slot's cell, and moves up what had to lie behind it. */
  #unlink(slot: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let free = cellOf(this.#high[slot]!, this.#low[slot]!) & mask;
    while (cells[free] !== slot + 1) free = (free + 1) & mask;
    for (let cell = (free + 1) & mask; cells[cell] !== 0; cell = (cell + 1) & mask) {
      const other = cells[cell]! - 1;
      const wanted = cellOf(this.#high[other]!, this.#low[other]!) & mask;
      // It may move only if the free cell is not before where it wants to be.
      if (((cell - wanted) & mask) < ((cell - free) & mask)) continue;
      cells[free] = other + 1;
      free = cell;
    }
    cells[free] = 0;
  }

  #grow(): void {
    const old = {
      capacity: this.#capacity,
      high: this.#high,
      low: this.#low,
      commits: this.#commits,
      indexes: this.#indexes,
    };
    const first = this.#first;
    this.#capacity = old.capacity * 2;
    this.#high = new Int32Array(this.#capacity);
    this.#low = new Int32Array(this.#capacity);
    this.#commits = new Float64Array(this.#capacity);
    this.#indexes = new Int32Array(this.#capacity);
    this.#cells = new Int32Array(this.#capacity * 2);
    this.#first = 0;
    for (let index = 0; index < this.#size; index++) {
      const from = (first + index) & (old.capacity - 1);
      this.#high[index] = old.high[from]!;
      this.#low[index] = old.low[from]!;
      this.#commits[index] = old.commits[from]!;
      this.#indexes[index] = old.indexes[from]!;
      this.#link(index);
    }
  }
}

function cellOf(high: number, low: number): number {
  return high ^ Math.imul(low, 0x9e3779b1);
}
