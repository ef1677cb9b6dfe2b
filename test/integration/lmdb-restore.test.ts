import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Bundle } from "../support/bundle.ts";
import { restoreCopy, type RestoreReport } from "../support/restored-copy.ts";
import { DurableServer } from "../support/durable-server.ts";

let program: Bundle;
let folder: string;

beforeAll(async () => {
  program = await DurableServer.program();
  folder = await mkdtemp(join(tmpdir(), "carillon-restore-"));
});

afterAll(async () => {
  program[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

const ids = (name: string, count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${from + index}`);

function print(what: string, { ahead, wouldFit }: RestoreReport): void {
  console.log(
    `${what}: epoch and offset ${wouldFit ? "fit" : "do not fit"}; the subscriber that was ahead was told of ` +
      `${ahead.gaps.length === 0 ? "no gap" : `a gap (${ahead.gaps.join()})`} and got ${ahead.ids.length} publications`,
  );
}

describe("an old copy of the folder that is put back under live clients", () => {
  test("is a gap to whoever saw what it lacks, then what remains; nobody else is told of anything", async () => {
    const report = await restoreCopy(program, join(folder, "sound"), []);
    print("restored", report);
    const stored = [...ids("common", 20), ...ids("lost", 5), ...ids("new", 15)];
    expect(report.stored).toEqual(stored);
    expect(report.board).toEqual({ first: "common", third: "new" });
    // Fooled is who goes by these two.
    expect(report.wouldFit).toBe(true);
    expect(report.ahead).toEqual({ gaps: ["rollback"], ids: stored, board: report.board });
    expect(report.behind).toEqual({ gaps: [], ids: stored.slice(20), board: report.board });
    for (const [again, onceMore] of report.retried) {
      expect(again).toEqual({ pos: expect.any(String), at: expect.any(Number) });
      expect(onceMore).toEqual(again);
    }
  });

  test("passes for the same log where tags are not compared: the subscriber is told that it missed nothing", async () => {
    const report = await restoreCopy(program, join(folder, "faulty"), ["no-tag-check"]);
    print("control, no-tag-check", report);
    expect(report.wouldFit).toBe(true);
    // 15 publications behind the copy took the places of the 10 that it had seen; it never hears of the first 10.
    expect(report.ahead.gaps).toEqual([]);
    expect(report.ahead.ids).toEqual(ids("new", 10, 5));
  });
});
