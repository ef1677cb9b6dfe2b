/**
 * A map from names for what nearly always has one entry, once for each connection: an empty or small `Map` is 230 bytes,
 * this is 50 until there are two entries. Not in the order of insertion.
 */
export class SmallMap<V> {
  #firstKey: string | null = null;
  #firstValue: V | null = null;
  #others: Map<string, V> | null = null;

  /** How many entries there are. */
  get size(): number {
    return (this.#firstKey === null ? 0 : 1) + (this.#others?.size ?? 0);
  }

  /** The value of a key. */
  get(key: string): V | undefined {
    if (this.#firstKey === key && this.#firstValue !== null) return this.#firstValue;
    return this.#others?.get(key);
  }

  /** True if the key has a value. */
  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Gives a key a value. */
  set(key: string, value: V & {}): void {
    if (this.#firstKey === key || (this.#firstKey === null && this.#others?.has(key) !== true)) {
      this.#firstKey = key;
      this.#firstValue = value;
      return;
    }
    this.#others ??= new Map();
    this.#others.set(key, value);
  }

  /** Removes a key. */
  delete(key: string): void {
    if (this.#firstKey !== key) return void this.#others?.delete(key);
    this.#firstKey = null;
    this.#firstValue = null;
  }

  /** Removes every key. */
  clear(): void {
    this.#firstKey = null;
    this.#firstValue = null;
    this.#others = null;
  }

  /** The entries as they are now: what is done with one may add and remove others. */
  entries(): readonly (readonly [string, V])[] {
    const others = this.#others === null ? [] : [...this.#others];
    return this.#firstKey === null || this.#firstValue === null
      ? others
      : [[this.#firstKey, this.#firstValue], ...others];
  }

  /** The values as they are now. */
  values(): readonly V[] {
    return this.entries().map(([, value]) => value);
  }
}
