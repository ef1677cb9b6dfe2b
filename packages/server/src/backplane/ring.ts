/**
 * A queue with access by index: push at the end, shift at the front, both in constant time. An array's own `shift`
 * moves every element, which at a history of 100,000 costs more than everything else in an append.
 */
export class Ring<T> {
  #items: (T | undefined)[] = [];
  #start = 0;

  /** How many items it holds. */
  get length(): number {
    return this.#items.length - this.#start;
  }

  /** The oldest item. */
  get first(): T | undefined {
    return this.#items[this.#start];
  }

  /** The item at an index from the oldest. Throws a `RangeError` beyond the ends: a broken invariant of the caller. */
  at(index: number): T {
    if (index < 0 || index >= this.length)
      throw new RangeError(`Expected an index below ${this.length}, got ${index}.`);
    return this.#items[this.#start + index]!;
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest item away. Space is given back once more than half of the array is empty. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#start];
    // The slot would keep the item alive until the next compaction.
    this.#items[this.#start] = undefined;
    this.#start++;
    if (this.#start > 32 && this.#start * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }
}
