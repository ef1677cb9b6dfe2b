import { CarillonError } from "@carillon/protocol";
import type { Instance } from "./core/instance.ts";
import type { Cancel } from "./core/ports.ts";

/**
 * A promise for what a machine settles by a callback; rejected at once while the client is disconnected. `start` begins
 * it and returns how to give it up (null: it can't be), which happens when `signal` aborts; the machine knows whether
 * that is in time.
 */
export function promised<T>(
  instance: Instance,
  start: (settle: (outcome: T | CarillonError) => void) => Cancel | null,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let cancel: Cancel | null = null;
    const abort = (): void => cancel?.();
    const settle = (outcome: T | CarillonError): void => {
      signal?.removeEventListener("abort", abort);
      if (outcome instanceof CarillonError) reject(outcome);
      else resolve(outcome);
    };
    const refusal = instance.refusal();
    if (refusal) {
      settle(refusal);
      return;
    }
    signal?.addEventListener("abort", abort);
    cancel = start(settle);
    if (signal?.aborted) abort();
  });
}
