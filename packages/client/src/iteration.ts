import { CarillonError } from "@carillon/protocol";
import type { Change } from "./core/entries.ts";
import type { Publication } from "./core/items.ts";
import type { Cancel } from "./core/ports.ts";

/** Most publications that a loop may be behind. */
const BUFFER_MAX = 1000;

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: CarillonError) => void;
}

/**
 * What a `for await` loop over a channel reads from. A loop that is too slow for a log gets what is buffered and then
 * an `overloaded` error, never a silent hole; one that is too slow for a state gets the latest change of each key.
 */
export class Iteration<T> implements AsyncIterableIterator<T, undefined> {
  readonly #close: Cancel;
  readonly #buffer: T[] = [];
  readonly #waiting: Waiter<T>[] = [];
  #isEnded = false;
  #error: CarillonError | undefined;

  /** `close` is called once, when the loop or its source ends. */
  constructor(close: Cancel) {
    this.#close = close;
  }

  /** Adds a value, or with `merge` joins it to the one that the loop has not taken yet. */
  push(value: T, merge?: (earlier: T, later: T) => T): void {
    const waiter = this.#waiting.shift();
    const last = this.#buffer.at(-1);
    if (waiter) waiter.resolve({ done: false, value });
    else if (merge && last !== undefined) this.#buffer[this.#buffer.length - 1] = merge(last, value);
    else if (this.#buffer.length < BUFFER_MAX) this.#buffer.push(value);
    else this.end(new CarillonError("overloaded", `The loop fell ${BUFFER_MAX} publications behind.`));
  }

  /** Ends the loop after what is buffered, with `error` if there is one. */
  end(error?: CarillonError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#close();
    for (const waiter of this.#waiting.splice(0)) this.#finish(waiter);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const [value] = this.#buffer.splice(0, 1);
      if (value !== undefined) resolve({ done: false, value });
      else if (this.#isEnded) this.#finish({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#buffer.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish({ resolve, reject }: Waiter<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error) reject(error);
    else resolve({ done: true, value: undefined });
  }
}

/** What a loop over a channel yields: publications of a log, lists of changes of a state. */
export type IterationValue = Publication | readonly Change[];

/** Two lists of changes as one: the latest of each key, with what stood before the first. */
export function mergeValues(earlier: IterationValue, later: IterationValue): IterationValue {
  // A channel is of one kind, so two publications never meet here.
  if ("id" in earlier || "id" in later) return later;
  const changes = new Map(earlier.map((change) => [change.key, change]));
  for (const change of later) {
    const { previous } = changes.get(change.key) ?? change;
    changes.set(change.key, { ...change, previous });
  }
  return [...changes.values()];
}
