import { tooManyCredentials, type Answer, type TicketStore } from "@carillon/server/backplane";
import { bucketOf } from "./keys.ts";
import { listOf, numberAt } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";
import { explain, type StoreParts } from "./store-parts.ts";

/** How many of the oldest are looked at when there is no room: taken elsewhere, perhaps. */
const LOOK = 64;

/**
 * Credentials in Redis: taken by GETDEL, so that of any number of takers on any node one gets it. Their number is bounded
 * for each node: it counts what it has put, until its time is over or it is known to be taken.
 */
export class RedisTickets implements TicketStore {
  readonly #parts: StoreParts;
  readonly #max: number;
  /** Keys that this node has put, with the monotonic time at which their time is over. */
  readonly #put = new Map<string, number>();

  constructor(parts: StoreParts, max: number) {
    this.#parts = parts;
    this.#max = max;
  }

  put(key: string, value: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    void this.#answer(this.#keep(key, value, ttlMs), done);
  }

  take(key: string, done: (answer: Answer<string | null>) => void): void {
    void this.#answer(this.#take(key), done);
  }

  read(key: string, done: (answer: Answer<string | null>) => void): void {
    void this.#answer(this.#read(key), done);
  }

  swap(key: string, before: string, value: string, ttlMs: number, done: (answer: Answer<boolean>) => void): void {
    void this.#answer(this.#swap(key, before, value, ttlMs), done);
  }

  revoke(user: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    const { broker } = this.#parts;
    const asking = async (): Promise<Answer<null>> => {
      await broker.run(bucketOf(user), SCRIPTS.revoke, [this.#revocation(user)], [Math.ceil(ttlMs)]);
      return { ok: true, value: null };
    };
    void this.#answer(asking(), done);
  }

  revokedAt(user: string, done: (answer: Answer<{ readonly revokedAt: number; readonly now: number }>) => void): void {
    const asking = async (): Promise<Answer<{ readonly revokedAt: number; readonly now: number }>> => {
      const { broker } = this.#parts;
      const reply = listOf(await broker.run(bucketOf(user), SCRIPTS.revokedAt, [this.#revocation(user)], []));
      return { ok: true, value: { revokedAt: numberAt(reply, 0) ?? 0, now: numberAt(reply, 1) ?? 0 } };
    };
    void this.#answer(asking(), done);
  }

  async #keep(key: string, value: string, ttlMs: number): Promise<Answer<null>> {
    const { broker, context } = this.#parts;
    if (!this.#put.has(key) && !(await this.#hasRoom())) return tooManyCredentials(this.#max);
    this.#note(key, context.ports.monotonicMs() + ttlMs);
    await broker.call(bucketOf(key), "SET", [this.#credential(key), value, "PX", Math.max(1, Math.ceil(ttlMs))]);
    return { ok: true, value: null };
  }

  #note(key: string, untilMs: number): void {
    // Deleted first, so that the map stays in order of time where all live equally long.
    this.#put.delete(key);
    this.#put.set(key, untilMs);
  }

  async #take(key: string): Promise<Answer<string | null>> {
    const value = await this.#parts.broker.call(bucketOf(key), "GETDEL", [this.#credential(key)]);
    this.#put.delete(key);
    return { ok: true, value: Buffer.isBuffer(value) ? value.toString() : null };
  }

  async #read(key: string): Promise<Answer<string | null>> {
    const value = await this.#parts.broker.call(bucketOf(key), "GET", [this.#credential(key)]);
    return { ok: true, value: Buffer.isBuffer(value) ? value.toString() : null };
  }

  async #swap(key: string, before: string, value: string, ttlMs: number): Promise<Answer<boolean>> {
    const { broker, context } = this.#parts;
    const args = [before, value, Math.max(1, Math.ceil(ttlMs))];
    const isSame = (await broker.run(bucketOf(key), SCRIPTS.swap, [this.#credential(key)], args)) === 1;
    if (isSame) this.#note(key, context.ports.monotonicMs() + ttlMs);
    return { ok: true, value: isSame };
  }

  async #hasRoom(): Promise<boolean> {
    if (this.#put.size < this.#max) return true;
    const now = this.#parts.context.ports.monotonicMs();
    const oldest: string[] = [];
    for (const [key, untilMs] of this.#put) {
      if (untilMs <= now) this.#put.delete(key);
      else oldest.push(key);
      if (oldest.length === LOOK) break;
    }
    if (this.#put.size < this.#max) return true;
    const { broker } = this.#parts;
    const found = await Promise.all(oldest.map((key) => broker.call(bucketOf(key), "EXISTS", [this.#credential(key)])));
    for (const [index, key] of oldest.entries()) if (found[index] === 0) this.#put.delete(key);
    return this.#put.size < this.#max;
  }

  #credential(key: string): string {
    return this.#parts.keys.of(bucketOf(key), `credential:${key}`);
  }

  #revocation(user: string): string {
    return this.#parts.keys.of(bucketOf(user), `revoked:${user}`);
  }

  async #answer<T>(asking: Promise<Answer<T>>, done: (answer: Answer<T>) => void): Promise<void> {
    let answer: Answer<T>;
    try {
      answer = await asking;
    } catch (error) {
      answer = explain(this.#parts, error);
    }
    done(answer);
  }
}
