import type { Violation } from "./checker.ts";
import { subjectWith } from "./faults.ts";
import { runScenario } from "./run-seed.ts";
import { drawScenario } from "./scenario.ts";

/** Some seeds to play. */
export interface Chunk {
  readonly from: number;
  readonly count: number;
  readonly fault: string | null;
  readonly steps: number | null;
}

/** What became of them. */
export interface ChunkResult {
  readonly from: number;
  readonly played: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** Seeds that were played twice, to see whether they do the same twice. */
  readonly repeated: number;
  readonly counts: readonly (readonly [what: string, times: number, seeds: number])[];
  /** The first seed with a violation; the rest of the chunk was not played. */
  readonly failure: { readonly seed: number; readonly violation: Violation } | null;
}

/** Every so many seeds, one is played twice. */
const REPEAT_EVERY = 25;

/** Plays seeds one after the other, up to the first that fails. */
export async function playChunk({ from, count, fault, steps }: Chunk): Promise<ChunkResult> {
  const subject = await subjectWith(fault);
  const counts = new Map<string, [times: number, seeds: number]>();
  let [played, events, virtualMs, repeated] = [0, 0, 0, 0];
  let failure: ChunkResult["failure"] = null;
  for (let seed = from; seed < from + count && failure === null; seed++) {
    const scenario = drawScenario(seed, steps);
    const result = await runScenario(scenario, subject);
    played++;
    events += result.steps;
    virtualMs += result.virtualMs;
    for (const [what, times] of result.counts) {
      const [sum, seeds] = counts.get(what) ?? [0, 0];
      counts.set(what, [sum + times, seeds + 1]);
    }
    if (result.violation !== null) failure = { seed, violation: result.violation };
    else if (seed % REPEAT_EVERY === 0) {
      repeated++;
      const again = await runScenario(scenario, subject);
      if (again.hash === result.hash && again.steps === result.steps) continue;
      const text = `the same seed did ${result.steps} events with hash ${result.hash}, then ${again.steps} with ${again.hash}`;
      failure = { seed, violation: { kind: "not deterministic", text, atMs: 0 } };
    }
  }
  const told = [...counts].map(([what, [times, seeds]]) => [what, times, seeds] as const);
  return { from, played, steps: events, virtualMs, repeated, counts: told, failure };
}
