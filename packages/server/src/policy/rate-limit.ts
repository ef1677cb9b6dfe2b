import type { Ports } from "../core/ports.ts";

/** How often something may happen. */
export interface Rate {
  /** Tokens that come back in a second. Over 0. */
  readonly perSecond: number;
  /** Tokens at most, and at the start. At least 1. */
  readonly burst: number;
}

/** A token bucket: `burst` at once, then `perSecond`. It needs no timer; time is looked at when a token is asked for. */
export class TokenBucket {
  readonly #ports: Pick<Ports, "monotonicMs">;
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  /** `now` is for who has just read the monotonic clock. */
  constructor(ports: Pick<Ports, "monotonicMs">, rate: Rate, now: number = ports.monotonicMs()) {
    this.#ports = ports;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = now;
  }

  /**
   * Takes a token and returns 0, or takes none and returns the milliseconds, 1 or more, until there is one. `now` is for
   * who has just read the monotonic clock.
   */
  take(now: number = this.#ports.monotonicMs()): number {
    const { perSecond, burst } = this.#rate;
    const elapsedMs = Math.max(0, now - this.#atMs);
    this.#tokens = Math.min(burst, this.#tokens + (elapsedMs * perSecond) / 1_000);
    // Never back: a time that was read a while ago must not count a stretch of time twice.
    this.#atMs += elapsedMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil(((1 - this.#tokens) * 1_000) / perSecond));
  }

  /** True once nothing that was taken counts any more: the bucket can be forgotten. */
  get isFull(): boolean {
    const { perSecond, burst } = this.#rate;
    return this.#tokens + ((this.#ports.monotonicMs() - this.#atMs) * perSecond) / 1_000 >= burst;
  }
}

/** A {@link Rate} for each of many keys, such as addresses. */
export interface KeyedRate extends Rate {
  /** Keys remembered at most. Beyond, the one that was not seen for longest is forgotten, and so starts anew. */
  readonly keysMax: number;
}

/** A token bucket for each key, in bounded memory: a key whose bucket is full again is forgotten. */
export class KeyedRateLimit {
  readonly #ports: Pick<Ports, "monotonicMs">;
  readonly #rate: KeyedRate;
  /** In the order in which the keys were last seen. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(ports: Pick<Ports, "monotonicMs">, rate: KeyedRate) {
    this.#ports = ports;
    this.#rate = rate;
  }

  /** Keys remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** As {@link TokenBucket.take}, of the key's bucket. */
  take(key: string): number {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#ports, this.#rate);
    this.#buckets.delete(key);
    this.#forget();
    this.#buckets.set(key, bucket);
    return bucket.take();
  }

  /** Lets go of the oldest that are full again, a few with each call, and of one more when there is no room. */
  #forget(): void {
    let steps = FORGOTTEN_PER_CALL;
    for (const [key, bucket] of this.#buckets) {
      const isRoom = this.#buckets.size < this.#rate.keysMax;
      if (isRoom && (steps === 0 || !bucket.isFull)) return;
      this.#buckets.delete(key);
      steps = Math.max(0, steps - 1);
    }
  }
}

/** More than one, so that the map shrinks while it is in use. */
const FORGOTTEN_PER_CALL = 4;
