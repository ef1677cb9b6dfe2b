import { CarillonError } from "@carillon/protocol";
import type { Cancel } from "./core/ports.ts";

/**
 * A promise for what a machine settles by a callback. `start` begins it and returns how to give it up, which happens
 * when `signal` aborts; the machine says whether that was in time.
 */
export function promised<T>(
  start: (settle: (outcome: T | CarillonError) => void) => Cancel,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let cancel: Cancel | null = null;
    const abort = (): void => cancel?.();
    signal?.addEventListener("abort", abort);
    cancel = start((outcome) => {
      signal?.removeEventListener("abort", abort);
      if (outcome instanceof CarillonError) reject(outcome);
      else resolve(outcome);
    });
    if (signal?.aborted) cancel();
  });
}
