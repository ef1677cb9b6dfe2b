import { DURATION_MAX_MS, DefinitionError, parseDuration, type Duration } from "@carillon/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("a duration", () => {
  it.each([
    [0, 0],
    [1500, 1500],
    [0.4, 0],
    ["0s", 0],
    ["250ms", 250],
    ["1s", 1000],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["30d", 2_592_000_000],
    ["0.1ms", 0],
    ["4.35s", 4350],
    ["36500d", DURATION_MAX_MS],
  ] as const)("%j is %i ms", (duration, ms) => {
    expect(parseDuration(duration, "ttl")).toBe(ms);
  });

  it.each([
    -1,
    NaN,
    Infinity,
    DURATION_MAX_MS + 1,
    "",
    "5",
    "s",
    "5 s",
    " 5s",
    "5s\n",
    "-5s",
    "+5s",
    "1e3s",
    "0x10s",
    ".5s",
    "5.s",
    "1w",
    "5S",
    "36501d",
    "1_000ms",
    "\u0665s",
    null,
    undefined,
    {},
    [],
    true,
    "9".repeat(1_000_000),
  ])("%j is refused with the name of the option", (duration) => {
    // As a caller without types would write it.
    const action = (): number => parseDuration(duration as Duration, "history.ttl");
    expect(action).toThrow(DefinitionError);
    expect(action).toThrow(/^history\.ttl: expected milliseconds.{1,200}$/);
  });

  it("of whole units is exact", () => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
    fc.assert(
      fc.property(fc.constantFrom("ms", "s", "m", "h", "d"), fc.nat({ max: 36_500 }), (unit, count) => {
        expect(parseDuration(`${count}${unit}`, "ttl")).toBe(count * units[unit]);
      }),
    );
  });
});
