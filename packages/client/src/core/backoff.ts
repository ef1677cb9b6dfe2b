/** The first delay is below this, in milliseconds. */
const BASE_MS = 500;
/** Every delay is below this, in milliseconds. */
const CAP_MS = 20_000;

/** An attempt late enough for the longest delay: whoever is offline has nothing to hurry for. */
export const LATE = 9;

/**
 * Milliseconds to wait before attempt number `attempt`, from 0: a random time below a bound that doubles, so that a crowd that
 * lost its server at one moment comes back spread over the whole time, not in waves (Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015). From the second on at least half of the bound: whoever draws short waits would use
 * up five attempts on a server that is away for two seconds, and then wait up to 16 s for one that is long back.
 */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(CAP_MS, BASE_MS * 2 ** attempt) * (attempt ? 0.5 + random / 2 : random);
}
