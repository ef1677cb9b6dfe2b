import { CarillonError } from "@carillon/protocol";
import type { Limits } from "../core/limits.ts";
import type { Ports } from "../core/ports.ts";

/** What bounds the time that the application may take. */
export interface Deadline {
  readonly ports: Pick<Ports, "after">;
  readonly limits: Pick<Limits, "hookTimeoutMs">;
}

/**
 * Runs `work` and hands over its result or failure, once: at once if it is no promise, and not later than the limit,
 * after which the failure is a `timeout`. A promise that is never settled keeps nothing of who waited for it.
 */
export function settle<T>(
  deadline: Deadline,
  work: () => T | Promise<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  let result: T | Promise<T>;
  try {
    result = work();
  } catch (error) {
    return failed(error);
  }
  if (isPromise(result)) settleLater(deadline, result, done, failed);
  else done(result);
}

/** The same for a promise that is there already. */
export function settleLater<T>(
  deadline: Deadline,
  work: Promise<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  void tell(work, new Waiting(deadline, done, failed));
}

/** Not `instanceof`: schema libraries and other realms bring promises of their own. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

async function tell<T>(work: Promise<T>, waiting: Waiting<T>): Promise<void> {
  const [outcome] = await Promise.allSettled([work]);
  waiting.end(outcome);
}

/** Who waits for a promise, until it is settled or the time is over. */
class Waiting<T> {
  #ends: { readonly done: (value: T) => void; readonly failed: (error: unknown) => void } | null;
  readonly #timer: { cancel(): void };

  constructor({ ports, limits }: Deadline, done: (value: T) => void, failed: (error: unknown) => void) {
    this.#ends = { done, failed };
    this.#timer = ports.after(limits.hookTimeoutMs, () => {
      const message = "The application did not answer in time; send the command again later.";
      this.end({ status: "rejected", reason: new CarillonError("timeout", message) });
    });
  }

  end(outcome: PromiseSettledResult<T>): void {
    const ends = this.#ends;
    if (ends === null) return;
    this.#ends = null;
    this.#timer.cancel();
    if (outcome.status === "fulfilled") ends.done(outcome.value);
    else ends.failed(outcome.reason);
  }
}
