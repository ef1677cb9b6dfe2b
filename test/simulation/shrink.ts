import type { Violation } from "./checker.ts";
import { runScenario, type RunOptions, type RunResult } from "./run-seed.ts";
import { only, type Scenario } from "./scenario.ts";

/** The smallest scenario that was found to break the same promise. */
export interface Shrunk {
  readonly scenario: Scenario;
  readonly result: RunResult;
  readonly tries: number;
}

/**
 * Leaves happenings out as long as the same kind of promise breaks: halves first, then smaller parts (delta debugging,
 * Zeller and Hildebrandt 2002). Stops after `timeMs`, with what it has.
 */
export async function shrink(
  scenario: Scenario,
  violation: Violation,
  options: RunOptions,
  timeMs: number,
): Promise<Shrunk> {
  const deadline = performance.now() + timeMs;
  let tries = 0;
  let best = scenario;
  const breaks = async (candidate: Scenario): Promise<boolean> => {
    tries++;
    const result = await runScenario(candidate, options);
    return result.violation?.kind === violation.kind;
  };
  let parts = 2;
  while (best.happenings.length > 0 && performance.now() < deadline) {
    const size = Math.ceil(best.happenings.length / parts);
    let isSmaller = false;
    for (let start = 0; start < best.happenings.length && performance.now() < deadline; start += size) {
      const kept = best.happenings.filter((_happening, index) => index < start || index >= start + size);
      const candidate = only(best, new Set(kept.map(({ index }) => index)));
      if (!(await breaks(candidate))) continue;
      best = candidate;
      isSmaller = true;
      break;
    }
    if (isSmaller) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts = Math.min(best.happenings.length, parts * 2);
  }
  return { scenario: best, result: await runScenario(best, { ...options, isTraced: true }), tries };
}
