import { describe, expect, test } from "vitest";
import type { Told } from "../drills/follower.ts";
import { judgeRollback, type RollbackCase } from "../drills/rollback-check.ts";

const RESTORED_AT = 1_000;

const item = (id: string, at: number): Told => ({ what: "item", id, at });
const gap = (from: string, to: string, at: number): Told => ({ what: "gap", from, to, reason: "rollback", at });

/** A log of a, b and the new c, in which lost ones have stood after b. */
function judge(told: readonly Told[], further: Partial<RollbackCase> = {}) {
  return judgeRollback({
    name: "f0",
    before: "a",
    told,
    breaks: 0,
    position: "e.3.new",
    stored: { ids: ["a", "b", "c"], pos: "e.3.new" },
    restoredAt: RESTORED_AT,
    back: null,
    ...further,
  });
}

describe("the judge of rollbacks", () => {
  test("takes a gap before anything new for the truth, and measures how soon it came", () => {
    const told = [item("b", 1), item("lost", 2), gap("e.3.old", "e.0.x", 1_250)];
    const verdict = judge([...told, item("a", 1_260), item("b", 1_260), item("c", 1_260)]);
    expect(verdict).toMatchObject({ isAffected: true, toldMs: 250, reason: "rollback", wrong: null, wouldFit: true });
  });

  test("leaves alone who was told of nothing that is gone", () => {
    expect(judge([item("b", 1), item("c", 1_100)])).toMatchObject({ isAffected: false, wrong: null, wouldFit: false });
  });

  test("reports who goes on as if nothing had happened", () => {
    expect(judge([item("b", 1), item("lost", 2)]).wrong).toMatch(/^false recovery/);
    expect(judge([item("b", 1), item("lost", 2), item("c", 1_100)]).wrong).toMatch(/^false recovery/);
  });

  test("reports who gets something new before the gap", () => {
    const told = [item("b", 1), item("lost", 2), item("c", 1_100), gap("e.3.old", "e.3.new", 1_250)];
    expect(judge(told).wrong).toMatch(/^false recovery/);
  });

  test("reports who is told that nothing was missed, and never of the gap", () => {
    const back = { at: 1_500, pos: "e.3.new", live: true };
    expect(judge([item("b", 1), item("lost", 2)], { back }).wrong).toMatch(/^false recovery.*nothing was missed/);
  });

  test("reports a hole behind the gap, and who never comes to the end", () => {
    const told = [item("lost", 2), gap("e.3.old", "e.0.x", 1_250), item("a", 1_260), item("c", 1_260)];
    expect(judge(told).wrong).toMatch(/not the last/);
    expect(judge([item("lost", 2), gap("e.3.old", "e.3.new", 1_250)], { position: "e.2.x" }).wrong).toMatch(/end/);
  });
});
