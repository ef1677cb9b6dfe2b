import fc from "fast-check";
import { play, scenarios } from "./scenario.ts";
import { Simulation } from "./simulation.ts";
const samples = fc.sample(scenarios(), { seed: 5, numRuns: 1500 });
const sum: Record<string, [number, number, number]> = {};
for (const scenario of samples) { const t = process.cpuUsage().user; const s = new Simulation(scenario.setting, new Set()); play(s, scenario as any); const d = (process.cpuUsage().user - t) / 1000; const k = `tight ${scenario.setting.isTight} late ${scenario.setting.isStoreLate} `; const x = (sum[k] ??= [0, 0, 0]); x[0]++; x[1] += d; x[2] += s.kernel.node.metrics.commandsFailed; }
for (const [k, [n, d, f]] of Object.entries(sum)) console.log(k, n, (d / n).toFixed(2), "ms cpu", (f / n).toFixed(0), "failed");
