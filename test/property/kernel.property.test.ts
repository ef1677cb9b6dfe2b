import fc from "fast-check";
import { expect, it } from "vitest";
import type { Fault } from "@carillon/server/testing";
import { play, scenarios, tell, type Scenario } from "./scenario.ts";
import { Simulation } from "./simulation.ts";

const SEED = Number(process.env["CARILLON_SEED"] ?? 20_260_901);
const RUNS = Number(process.env["CARILLON_RUNS"] ?? 10_000);

it("keeps its promises under any commands in any order", () => {
  const tallies = { resumeAfterTrim: 0, duplicate: 0, slowReader: 0, rollBack: 0 };
  const lengths: number[] = [];
  const property = fc.property(scenarios(), (scenario) => {
    const simulation = new Simulation(scenario.setting, new Set());
    play(simulation, scenario);
    lengths.push(scenario.steps.length);
    for (const name of Object.keys(tallies) as (keyof typeof tallies)[]) if (simulation.seen[name]) tallies[name]++;
  });
  const started = performance.now();
  const result = fc.check(property, { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 100_000 });
  if (result.failed) {
    const [scenario] = result.counterexample as [Scenario];
    throw new Error(`seed ${result.seed}, run ${result.numRuns}, ${result.numShrinks} shrinks: ${String(result.errorInstance)}\n  ${tell(scenario)}\n${JSON.stringify(scenario)}`, { cause: result.errorInstance });
  }
  const median = lengths.sort((one, other) => one - other)[lengths.length >> 1];
  const share = (count: number): string => `${((100 * count) / lengths.length).toFixed(1)} %`;
  console.log(`kernel property: seed ${SEED}, ${lengths.length} runs, median ${median} commands, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  for (const [name, count] of Object.entries(tallies)) console.log(`  runs with ${name}: ${share(count)}`);
  expect(lengths.length).toBe(RUNS);
});
