import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFaultless, runChaos, type ChaosResult } from "../chaos/chaos-run.ts";
import { DEFAULT_OPTIONS, type ChaosOptions } from "../chaos/options.ts";
import { Programs } from "../chaos/programs.ts";
import { printResult } from "../chaos/report.ts";

/** Kills take some ten seconds; on a busy machine, clients that were unlucky come back as much as twenty later. */
const TIMEOUT_MS = 120_000;

let programs: Programs;

beforeAll(async () => {
  programs = await Programs.create();
});

afterAll(() => programs[Symbol.dispose]());

async function run(settings: Partial<ChaosOptions>): Promise<ChaosResult> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-chaos-test-"));
  try {
    return await runChaos({ ...DEFAULT_OPTIONS, ...settings }, { programs, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe("a server that is killed again and again under load", () => {
  test(
    "loses, repeats, reorders and passes over nothing: 6 kills",
    async () => {
      const options = { ...DEFAULT_OPTIONS, kills: 6, seed: 6 };
      const result = await run(options);
      expect(isFaultless(result), printResult(result, options)).toBe(true);
      expect(result.findings.counts).toEqual({
        lost: 0,
        duplicated: 0,
        reordered: 0,
        "silent gaps": 0,
        contradictions: 0,
      });
      // A run in which little happened would show little.
      expect(result.kills).toBe(6);
      expect(result.publishes.acknowledged).toBeGreaterThan(200);
      expect(result.deliveries.delivered).toBeGreaterThan(1_000);
      expect(result.deliveries.resumed).toBeGreaterThan(50);
    },
    TIMEOUT_MS,
  );

  test(
    "is caught when it does not catch up, and repeats what is sent again",
    async () => {
      // Whether a kill falls between an append and its acknowledgement is chance: a few runs, until one of them does.
      const seen = { "silent gaps": 0, duplicated: 0 };
      for (let seed = 4; seed < 8 && (seen["silent gaps"] === 0 || seen.duplicated === 0); seed += 1) {
        const { findings } = await run({ kills: 4, seed, faults: ["no-catching-up", "no-dedup"] });
        seen["silent gaps"] += findings.counts["silent gaps"];
        seen.duplicated += findings.counts.duplicated;
      }
      expect(seen["silent gaps"]).toBeGreaterThan(0);
      expect(seen.duplicated).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
