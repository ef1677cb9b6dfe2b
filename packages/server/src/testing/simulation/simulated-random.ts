const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * Chance from a seed. Each part of a simulation draws from a source of its own, forked by name: what one part draws does
 * not change what another gets, so that a scenario with one event less stays nearly the same scenario.
 */
export class SimulatedRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A source of its own for what has this name; the same name gives the same source. Draws nothing. */
  fork(name: string): SimulatedRandom {
    let hash = this.#state ^ 0x9e3779b9;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    return new SimulatedRandom(hash ^ (hash >>> 15));
  }

  /** A number in [0, 1). */
  next(): number {
    return this.bits() / 2 ** 32;
  }

  /** A whole number from `least` to `most`. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of some; undefined of none. */
  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.next() * items.length)];
  }

  /** 22 characters of base64url. */
  id(): string {
    let id = "";
    let bits = 0;
    for (let index = 0; index < 22; index++) {
      if (index % 5 === 0) bits = this.bits();
      id += ALPHABET.charAt(bits & 63);
      bits >>>= 6;
    }
    return id;
  }

  /** 32 bits of Mulberry32 (Tommy Ettinger): small, fast, and good enough for anything but secrets. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return (bits ^ (bits >>> 14)) >>> 0;
  }
}

/** 64 bits of a fast hash as 11 characters of base64url. Nobody attacks a simulation, so it need not be collision-resistant. */
export function quickHash(data: string | Uint8Array): string {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let index = 0; index < data.length; index++) {
    const code = typeof data === "string" ? data.charCodeAt(index) : (data[index] ?? 0);
    low = Math.imul(low ^ code, 2654435761);
    high = Math.imul(high ^ code, 1597334677);
  }
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  let hash = "";
  for (let bits = low >>> 0, index = 0; index < 11; index++) {
    if (index === 5) bits = ((low >>> 30) | (high << 2)) >>> 0;
    hash += ALPHABET.charAt(bits & 63);
    bits >>>= 6;
  }
  return hash;
}

/** The same with 128 bits. */
export function quickDigest(data: string): string {
  return quickHash(`1 ${data}`) + quickHash(`2 ${data}`);
}
