import { rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFaultless, runChaos, type ChaosResult } from "../chaos/chaos-run.ts";
import { DEFAULT_OPTIONS, type ChaosOptions } from "../chaos/options.ts";
import { Programs } from "../chaos/programs.ts";
import { printResult } from "../chaos/report.ts";
import { missingNats } from "../support/nats-server.ts";
import { skipWithout } from "../support/needs.ts";
import { WITHOUT_REDIS } from "../support/redis-server.ts";

/** Kills take some ten seconds; on a busy machine, clients that were unlucky come back as much as twenty later. */
const TIMEOUT_MS = 120_000;
/** The tests of a suite, while the suites go on beside each other: storms mostly wait, for the next blow and for clients. */
const ONE_BY_ONE = { concurrent: false, timeout: TIMEOUT_MS } as const;

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

describe.concurrent("a server that is killed again and again under load", () => {
  test("loses, repeats, reorders and passes over nothing: 6 kills", ONE_BY_ONE, async () => {
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
  });

  test("is caught when it does not catch up, and repeats what is sent again", ONE_BY_ONE, async () => {
    const { findings } = await run({ kills: 4, seed: 4, faults: ["no-catching-up", "no-dedup"] });
    expect(findings.counts["silent gaps"], findings.examples.join("\n")).toBeGreaterThan(0);
    expect(findings.counts.duplicated, findings.examples.join("\n")).toBeGreaterThan(0);
  });

  test("and can't start again ends the run, which says so", ONE_BY_ONE, async () => {
    const folder = await mkdtemp(join(tmpdir(), "carillon-chaos-test-"));
    const data = join(folder, "data");
    // While the node is dead, a file takes the place of its folder.
    const onProgress = (): void => {
      rmSync(data, { recursive: true });
      writeFileSync(data, "not a folder");
    };
    try {
      const options = { ...DEFAULT_OPTIONS, kills: 1, seed: 1 };
      await expect(runChaos(options, { programs, folder, onProgress })).rejects.toThrow("A node ended by itself: 1");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe.concurrent.each([
  { backplane: "redis", missing: WITHOUT_REDIS ?? undefined },
  { backplane: "nats", missing: missingNats() },
])("three nodes on $backplane, killed, stopped and cut off", ({ backplane, missing }) => {
  skipWithout(missing);

  test("lose, repeat, reorder and pass over nothing, and know who is present: 5 kills", ONE_BY_ONE, async () => {
    const options = { ...DEFAULT_OPTIONS, backplane, nodes: 3, kills: 5, seed: 3 };
    const result = await run(options);
    expect(isFaultless(result), printResult(result, options)).toBe(true);
    expect(result.kills).toBe(5);
    expect(Object.keys(result.blows).length).toBeGreaterThan(0);
    expect(result.publishes.acknowledged).toBeGreaterThan(100);
  });

  test(
    "are caught when live deliveries are swallowed and nobody compares, and when pages have holes",
    ONE_BY_ONE,
    async () => {
      const options = { ...DEFAULT_OPTIONS, backplane, nodes: 3, kills: 2, seed: 4 };
      const { findings } = await run({ ...options, faults: ["swallowed-live", "hidden-hole"] });
      expect(findings.counts.lost, findings.examples.join("\n")).toBeGreaterThan(0);
      expect(findings.counts["silent gaps"], findings.examples.join("\n")).toBeGreaterThan(0);
    },
  );
});
