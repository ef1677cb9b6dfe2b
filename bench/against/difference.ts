import { spreadOf, type Spread } from "../statistics.ts";

/** How two revisions differ in a figure of which less is better. */
export interface Difference {
  /** Round by round: what the machine did meanwhile fell on both. */
  readonly ratio: Spread;
  readonly verdict: "worse" | "better" | "within the spread";
}

/** What is not worth telling even if all rounds agree. */
const TOLERANCE = 0.03;

/**
 * Compares the figures of a tree with those of a revision. They differ if every round says so, by more than the
 * tolerance: of six rounds of pure chance, one set in 32 would agree, but hardly by that much. Null where there is nothing to compare.
 */
export function differenceOf(tree: readonly number[], revision: readonly number[]): Difference | null {
  const rounds = Math.min(tree.length, revision.length);
  if (rounds === 0) return null;
  const ratios = Array.from(
    { length: rounds },
    (_, round) => (tree[round] ?? Number.NaN) / (revision[round] ?? Number.NaN),
  );
  const ratio = spreadOf(ratios);
  if (ratio.min > 1 + TOLERANCE) return { ratio, verdict: "worse" };
  if (ratio.max < 1 - TOLERANCE) return { ratio, verdict: "better" };
  return { ratio, verdict: "within the spread" };
}
