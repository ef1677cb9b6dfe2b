import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Fault } from "@carillon/server/testing";
import { play, scenarios, tell, type Scenario } from "./scenario.ts";
import type { Seen } from "./judges.ts";
import { Simulation } from "./simulation.ts";

const SEED = Number(process.env["CARILLON_SEED"] ?? 20_260_901);
const RUNS = Number(process.env["CARILLON_RUNS"] ?? 10_000);
/** A failing scenario is shrunk for no longer than this. */
const SHRINK_MS = 250_000;
/** Least share of the runs in which each of these must have happened, or the property proves little. */
const SHARE_MIN = 0.05;

/** Plays one scenario in a world of its own; throws what did not hold. */
function run(scenario: Scenario, faults: readonly Fault[]): Seen {
  const simulation = new Simulation(scenario.setting, new Set(faults));
  play(simulation, scenario);
  return simulation.seen;
}

/** What a person needs to see, and a machine to play it again. */
function report({ seed, numRuns, numShrinks, counterexample, errorInstance }: fc.RunDetails<[Scenario]>): string {
  const [scenario] = counterexample ?? [];
  const again = scenario === undefined ? "" : `\n  ${tell(scenario)}\n${JSON.stringify(scenario)}`;
  return `CARILLON_SEED=${seed}, run ${numRuns}, shrunk ${numShrinks} times: ${String(errorInstance)}${again}`;
}

describe("The kernel", () => {
  it(`keeps its promises under any commands in any order (${RUNS} runs)`, () => {
    const lengths: number[] = [];
    const counts: Record<keyof Seen, number> = { resumeAfterTrim: 0, duplicate: 0, slowReader: 0, rollBack: 0 };
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    const property = fc.property(scenarios(), (scenario) => {
      const seen = run(scenario, []);
      lengths.push(scenario.steps.length);
      for (const key of Object.keys(counts) as (keyof Seen)[]) if (seen[key]) counts[key]++;
    });
    const limit = fc.interruptAfterTimeLimit(SHRINK_MS) as fc.Plugin<[Scenario]>;
    const details = fc.check(property, { seed: SEED, numRuns: RUNS, plugins: [limit] });
    if (details.failed) throw new Error(report(details), { cause: details.errorInstance });

    const median = lengths.sort((one, other) => one - other)[lengths.length >> 1] ?? 0;
    const share = (count: number): string => `${((100 * count) / lengths.length).toFixed(1)} %`;
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
    const cpuSeconds = (process.cpuUsage(cpu).user / 1e6).toFixed(0);
    console.log(
      `Property of the kernel: ${lengths.length} runs, median ${median} commands, seed ${SEED}, ${seconds} s (${cpuSeconds} s of CPU). ` +
        `Of the runs, ${share(counts.resumeAfterTrim)} resumed after a trim, ${share(counts.duplicate)} had a duplicate publish, ` +
        `${share(counts.slowReader)} a slow reader, ${share(counts.rollBack)} a log rolled back.`,
    );
    expect(lengths.length).toBe(RUNS);
    expect(median).toBeGreaterThanOrEqual(30);
    for (const [what, count] of Object.entries(counts)) {
      expect(count / RUNS, `share of runs with ${what}`).toBeGreaterThanOrEqual(SHARE_MIN);
    }
  });

  it.each<[Fault, string]>([
    ["no-dedup", "P3"],
    ["no-catching-up", "P4"],
    ["no-tag-check", "P5"],
  ])("is caught when it runs with the fault %s, which breaks %s", (fault, promise) => {
    const property = fc.property(scenarios(), (scenario) => void run(scenario, [fault]));
    const details = fc.check(property, { seed: SEED, numRuns: RUNS, endOnFailure: true });
    console.log(
      `Control ${fault}: ${details.failed ? `fails in run ${details.numRuns}, ${String(details.errorInstance)}` : "passes"}`,
    );
    expect(details.failed, `the property must fail with ${fault}, or it proves nothing about ${promise}`).toBe(true);
  });
});
