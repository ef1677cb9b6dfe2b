import { spreadOf, type Spread } from "../statistics.ts";
import type { Row, Verdict } from "./scenario.ts";

/** The spread of a figure over the samples of a row; null where it was not measured. */
export function figureOf(row: Row | undefined, key: string): Spread | null {
  const values = (row?.samples ?? []).map(({ figures }) => figures[key]).filter((value) => value !== undefined);
  return values.length === 0 ? null : spreadOf(values);
}

/**
 * A figure of one peer as a share of another's, round by round, since what the machine did meanwhile fell on both; of
 * the medians where one of them has fewer rounds. Null where one was not measured.
 */
export function ratioOf(rows: readonly Row[], key: string, peer: string, other: string): Spread | null {
  const [own, others] = [rowOf(rows, peer), rowOf(rows, other)];
  const [mine, theirs] = [figureOf(own, key), figureOf(others, key)];
  if (mine === null || theirs === null) return null;
  if (own?.samples.length !== others?.samples.length) return spreadOf([mine.median / theirs.median]);
  const ratios = (own?.samples ?? []).map(({ figures }, round) => {
    const value = others?.samples[round]?.figures[key];
    return (figures[key] ?? Number.NaN) / (value ?? Number.NaN);
  });
  return spreadOf(ratios);
}

/** The row of a peer. */
export function rowOf(rows: readonly Row[], peer: string): Row | undefined {
  return rows.find((row) => row.peer === peer);
}

/** A bar on a figure of Carillon as a share of a peer's: at most `limit`. Not judged where one was not measured. */
export function atMostOf(
  rows: readonly Row[],
  key: string,
  other: string,
  limit: number,
  limitText: string,
  of = "Carillon",
): Verdict {
  const bar = `at most ${limitText} of ${other}`;
  const row = rowOf(rows, of);
  if (row === undefined) return { bar, isMet: null, figure: `${of} was not measured` };
  if (row.failure !== undefined) return { bar, isMet: false, figure: row.failure };
  const ratio = ratioOf(rows, key, of, other);
  if (ratio === null) return { bar, isMet: null, figure: `${other} was not measured` };
  const failed = rowOf(rows, other)?.failure === undefined ? "" : ` (${other} failed)`;
  return { bar, isMet: ratio.median <= limit, figure: `${spreadText(ratio, ratio.median < 0.1 ? 3 : 2)}${failed}` };
}

/** A bar on a figure of Carillon by itself. */
export function atMost(rows: readonly Row[], key: string, limit: number, bar: string, unit: string): Verdict {
  const row = rowOf(rows, "Carillon");
  const figure = figureOf(row, key);
  if (row === undefined) return { bar, isMet: null, figure: "Carillon was not measured" };
  if (row.failure !== undefined || figure === null) return { bar, isMet: false, figure: row.failure ?? "not measured" };
  return { bar, isMet: figure.median <= limit, figure: `${spreadText(figure, 1)} ${unit}`.trim() };
}

/** A bar that is met when everything came to Carillon's clients. */
export function allDelivered(rows: readonly Row[], bar: string, of = "Carillon"): Verdict {
  const row = rowOf(rows, of);
  if (row === undefined) return { bar, isMet: null, figure: `${of} was not measured` };
  const share = figureOf(row, "share");
  const trouble = row.failure ?? row.behind;
  const text = share === null ? "not measured" : shareText(share.min);
  return {
    bar,
    isMet: trouble === undefined && share?.min === 1,
    figure: trouble === undefined ? text : `${text}; ${trouble}`,
  };
}

/** A share as per cent, never rounded up to 100. */
export function shareText(share: number): string {
  if (share === 1) return "100 %";
  return `${(Math.floor(share * 1e5) / 1e3).toFixed(3)} %`;
}

/** The median, with the least and the most. */
export function spreadText({ median, min, max }: Spread, digits: number): string {
  const text = (value: number): string =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return min === max ? text(median) : `${text(median)} (${text(min)}–${text(max)})`;
}
