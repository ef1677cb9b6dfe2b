import fc from "fast-check";
import { it } from "vitest";
import { GAUGES } from "@carillon/server/testing";
import { play, scenarios } from "./scenario.ts";
import { Simulation } from "./simulation.ts";
it("profile", () => {
  const sums: Record<string, number> = {};
  let gen = performance.now();
  const samples = fc.sample(scenarios(), { seed: 5, numRuns: 1500 });
  console.log("gen", performance.now() - gen);
  const t = performance.now();
  for (const scenario of samples) {
    const s = new Simulation(scenario.setting, new Set());
    play(s, scenario);
    for (const [k, v] of Object.entries(s.kernel.node.metrics))
      if (v > 0) {
        sums[k] = (sums[k] ?? 0) + v;
        sums["runs with " + k] = (sums["runs with " + k] ?? 0) + 1;
      }
    for (const [k, v] of Object.entries(s.seen)) if (v) sums["seen " + k] = (sums["seen " + k] ?? 0) + 1;
  }
  console.log((performance.now() - t) / 1500, "ms per run");
  console.log(sums);
  void GAUGES;
});
