/** The first delay is below this, in milliseconds. */
const BASE_MS = 500;
/** Every delay is below this, in milliseconds. */
export const BACKOFF_CAP_MS = 20_000;

/**
 * Milliseconds to wait before attempt number `attempt`, from 0: full jitter, a random time below a bound that doubles.
 * A crowd that lost its server at one moment then comes back spread over the whole time, not in waves
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export function backoffMs(attempt: number, random: number): number {
  return random * Math.min(BACKOFF_CAP_MS, BASE_MS * 2 ** attempt);
}
