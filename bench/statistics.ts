/** What a handful of measurements say: the middle one, and how far apart they are. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The spread of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)];
  const high = sorted[Math.ceil(middle)];
  const max = sorted.at(-1);
  const [min] = sorted;
  if (low === undefined || high === undefined || min === undefined || max === undefined) {
    throw new RangeError("Expected at least one value.");
  }
  return { median: (low + high) / 2, min, max };
}
