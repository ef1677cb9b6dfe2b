import type { Violation } from "./checker.ts";
import { subjectWith } from "./faults.ts";
import type { RealBackplane } from "./real/broker-server.ts";
import { playReal } from "./real/real-house.ts";
import { runScenario } from "./run-seed.ts";
import { drawScenario } from "./scenario.ts";

/** Some seeds to play. */
export interface Chunk {
  readonly from: number;
  readonly count: number;
  readonly fault: string | null;
  readonly steps: number | null;
  /** The backplane over a real server, on the real clock; null: a model on a virtual one. */
  readonly backplane: RealBackplane | null;
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
  /** Seeds with a violation. On a virtual clock the rest of the chunk was not played. */
  readonly failures: readonly Failure[];
}

/** A seed with a violation. */
export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
  /** What happened, where it can't be played again. */
  readonly trace: readonly string[];
}

/** Every so many seeds, one is played twice. */
const REPEAT_EVERY = 25;

/** Plays seeds: one after the other, up to the first that fails, or all of them side by side on the real clock. */
export function playChunk(chunk: Chunk): Promise<ChunkResult> {
  return chunk.backplane === null ? playVirtually(chunk) : playSideBySide(chunk, chunk.backplane);
}

/** Sums up what was counted in each seed. */
class Counts {
  readonly #counts = new Map<string, [times: number, seeds: number]>();

  add(counts: ReadonlyMap<string, number>): void {
    for (const [what, times] of counts) {
      const [sum, seeds] = this.#counts.get(what) ?? [0, 0];
      this.#counts.set(what, [sum + times, seeds + 1]);
    }
  }

  told(): ChunkResult["counts"] {
    return [...this.#counts].map(([what, [times, seeds]]) => [what, times, seeds] as const);
  }
}

async function playSideBySide({ from, count, fault, steps }: Chunk, backplane: RealBackplane): Promise<ChunkResult> {
  const subject = await subjectWith(fault);
  const scenarios = Array.from({ length: count }, (_, index) => drawScenario(from + index, steps, true));
  const results = await Promise.all(scenarios.map((scenario) => playReal(backplane, scenario, subject)));
  const counts = new Counts();
  const failures: Failure[] = [];
  for (const { seed, violation, counts: counted, trace } of results) {
    counts.add(counted);
    if (violation !== null) failures.push({ seed, violation, trace });
  }
  return {
    from,
    played: count,
    steps: results.reduce((sum, result) => sum + result.steps, 0),
    virtualMs: results.reduce((sum, result) => sum + result.virtualMs, 0),
    repeated: 0,
    counts: counts.told(),
    failures,
  };
}

async function playVirtually({ from, count, fault, steps }: Chunk): Promise<ChunkResult> {
  const subject = await subjectWith(fault);
  const counts = new Counts();
  let [played, events, virtualMs, repeated] = [0, 0, 0, 0];
  let failure: Failure | null = null;
  for (let seed = from; seed < from + count && failure === null; seed++) {
    const scenario = drawScenario(seed, steps);
    const result = await runScenario(scenario, subject);
    played++;
    events += result.steps;
    virtualMs += result.virtualMs;
    counts.add(result.counts);
    if (result.violation !== null) failure = { seed, violation: result.violation, trace: [] };
    else if (seed % REPEAT_EVERY === 0) {
      repeated++;
      const again = await runScenario(scenario, subject);
      if (again.hash === result.hash && again.steps === result.steps) continue;
      const text = `the same seed did ${result.steps} events with hash ${result.hash}, then ${again.steps} with ${again.hash}`;
      failure = { seed, violation: { kind: "not deterministic", text, atMs: 0 }, trace: [] };
    }
  }
  const failures = failure === null ? [] : [failure];
  return { from, played, steps: events, virtualMs, repeated, counts: counts.told(), failures };
}
