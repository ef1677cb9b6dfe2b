import { describe, expect, it } from "vitest";
import { AT_END, moveDown, moveUp, placeAround, placeOf, rangeOf, STEP, TAIL, WINDOW_MAX } from "./window.ts";

const listOf = (from: number, to: number): { key: string }[] =>
  Array.from({ length: to - from }, (_, index) => ({ key: `k${from + index}` }));

describe("the window of a long list", () => {
  it("shows the last rows at the end, and goes along with what comes", () => {
    expect(rangeOf(listOf(0, 1_000), AT_END)).toEqual({ start: 1_000 - TAIL, end: 1_000 });
    expect(rangeOf(listOf(0, 1_001), AT_END)).toEqual({ start: 1_001 - TAIL, end: 1_001 });
    expect(rangeOf(listOf(0, 3), AT_END)).toEqual({ start: 0, end: 3 });
  });

  it("stays with its rows while others come on either side", () => {
    const place = placeOf(listOf(100, 300), { start: 50, end: 150 });
    expect(rangeOf(listOf(100, 400), place)).toEqual({ start: 50, end: 150 });
    expect(rangeOf(listOf(0, 400), place)).toEqual({ start: 150, end: 250 });
  });

  it("grows towards the reader and never beyond its bound", () => {
    const list = listOf(0, 1_000);
    let place = placeOf(list, { start: 900, end: 1_000 });
    for (let step = 0; step < 10; step++) place = moveUp(list, rangeOf(list, place));
    expect(rangeOf(list, place)).toEqual({ start: 500, end: 500 + WINDOW_MAX });
    for (let step = 0; step < 2; step++) place = moveDown(list, rangeOf(list, place));
    expect(rangeOf(list, place)).toEqual({ start: 500 + 2 * STEP, end: 500 + 2 * STEP + WINDOW_MAX });
  });

  it("only gets smaller when rows at its edges are trimmed, and falls to the end when all are", () => {
    const place = placeOf(listOf(0, 300), { start: 10, end: 60 });
    expect(rangeOf(listOf(30, 300), place)).toEqual({ start: 0, end: 30 });
    expect(rangeOf(listOf(200, 300), place)).toEqual({ start: Math.max(0, 100 - TAIL), end: 100 });
  });

  it("opens around a row", () => {
    expect(rangeOf(listOf(0, 500), placeAround(listOf(0, 500), 250))).toEqual({ start: 210, end: 290 });
    expect(placeAround([], 0)).toEqual(AT_END);
  });
});
