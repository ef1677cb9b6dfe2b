import { DefinitionError } from "./definition-error.ts";
import { describe } from "./describe.ts";

/** A span of time in options: a number of milliseconds, or a number with a unit (`"30d"`, `"1.5s"`). */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** The longest duration: 100 years in milliseconds. A sum with the current time stays an exact number. */
export const DURATION_MAX_MS: number = 36_500 * 86_400_000;

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);
const TEXT = /^(\d{1,15}(?:\.\d{1,15})?)(ms|s|m|h|d)$/;

/**
 * The milliseconds of a duration, a whole number from 0 to {@link DURATION_MAX_MS}; what is left of a millisecond is
 * rounded. Throws a {@link DefinitionError} that begins with `name`, the option's place (`"history.ttl"`).
 */
export function parseDuration(duration: Duration, name: string): number {
  const ms = milliseconds(duration);
  if (ms === null || !(ms >= 0 && ms <= DURATION_MAX_MS)) {
    throw new DefinitionError(
      `${name}: expected milliseconds, or a number with one of the units ms, s, m, h, d (like "1.5s"), ` +
        `from 0 to 100 years; got ${describe(duration)}.`,
    );
  }
  return Math.round(ms);
}

function milliseconds(duration: unknown): number | null {
  if (typeof duration === "number") return duration;
  const parts = typeof duration === "string" ? TEXT.exec(duration) : null;
  const unitMs = UNITS_MS.get(parts?.[2] ?? "");
  return unitMs === undefined ? null : Number(parts?.[1]) * unitMs;
}
