/**
 * `npm run simulate`: whole clusters with their clients in one process, on a virtual clock, from a seed; see
 * docs/reliability.md, "The simulator". Exit code 0: no promise was broken (with --controls: each fault was found).
 */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readArguments, USAGE, type Arguments } from "./arguments.ts";
import type { Chunk, ChunkResult, Failure } from "./chunk.ts";
import { PLANTED_FAULTS, subjectWith } from "./faults.ts";
import { Pool, serveChunks } from "./pool.ts";
import { Report } from "./report.ts";
import { playReal } from "./real/real-house.ts";
import { runScenario } from "./run-seed.ts";
import { drawScenario, only, tellHappening, type Scenario } from "./scenario.ts";
import { shrink } from "./shrink.ts";

/** Seeds that a worker plays before it reports. */
const CHUNK = 20;
const PROGRESS_MS = 10_000;
/** A failing scenario is made smaller for no longer than this. */
const SHRINK_MS = 60_000;

/** What many seeds must have exercised, or they prove little. */
const MUST_HAPPEN = [
  "appends",
  "broker crashes with writes in the air",
  "commits failed",
  "connections cut",
  "deliveries lost",
  "duplicates suppressed",
  "gaps announced: rollback",
  "gaps announced: trimmed",
  "losses noticed",
  "permissions taken",
  "readers fell behind",
  "servers drained",
  "servers killed",
];
/** The same on a real broker. */
const MUST_HAPPEN_REALLY = [
  "answers cut off",
  "broker connections cut",
  "broker crashes",
  "broker stood still",
  "connections cut",
  "duplicates suppressed",
  "gaps announced: rollback",
  "gaps announced: trimmed",
  "live deliveries lost",
  "permissions taken",
  "readers fell behind",
  "roll backs",
  "servers drained",
  "servers killed",
  "servers partitioned",
  "servers stood still",
];
/** From so many seeds on, that is asked for. */
const MANY_SEEDS = 200;

/** Plays seeds in a pool, up to the first that fails. */
async function play(pool: Pool, args: Arguments, fault: string | null, count: number, chunk: number): Promise<Report> {
  const report = new Report();
  let next = args.seed;
  let lastMs = performance.now();
  const { backplane, steps } = args;
  // On the real clock a seed is not to be had again, so all are played.
  const isEnough = (): boolean => report.failure !== null && (backplane === null || fault !== null);
  const give = (): Chunk | null => {
    if (isEnough() || next >= args.seed + count) return null;
    const from = next;
    next = Math.min(args.seed + count, next + chunk);
    return { from, count: next - from, fault, steps, backplane };
  };
  await pool.play(give, (result: ChunkResult) => {
    report.add(result);
    if (performance.now() - lastMs < PROGRESS_MS) return;
    lastMs = performance.now();
    console.log(report.progress(count));
  });
  return report;
}

/** Prints failures that can't be had again, and keeps their whole traces. */
async function show({ failures }: Report): Promise<void> {
  const [first] = failures;
  if (first === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), "carillon-simulated-"));
  for (const { seed, violation, trace } of failures) {
    const file = join(folder, `seed-${seed}.txt`);
    await writeFile(file, `${trace.join("\n")}\n`);
    console.log(`\nSeed ${seed}: ${told(violation)}\nIts trace is in ${file}.`);
  }
  console.log(`\nThe end of the trace of seed ${first.seed}:`);
  console.log(first.trace.slice(-TRACE_LINES).join("\n"));
}

/** Plays one scenario in this process, and prints what happened. */
async function playOne(scenario: Scenario, args: Arguments): Promise<void> {
  const options = { ...(await subjectWith(args.fault)), isTraced: true };
  const { backplane } = args;
  const result = await (backplane === null ? runScenario(scenario, options) : playReal(backplane, scenario, options));
  if (args.isTraced) console.log(result.trace.join("\n"));
  else for (const happening of scenario.happenings) console.log(tellHappening(happening));
  console.log(`Seed ${scenario.seed}, ${result.steps} steps, hash ${result.hash}: ${told(result.violation)}`);
  if (result.violation !== null) process.exitCode = 1;
}

/** Prints a failure: what, how to play it again, and the least that it takes. */
async function explain(args: Arguments, failure: Failure): Promise<void> {
  const { seed, violation } = failure;
  console.log(`\nSeed ${seed}: ${told(violation)}\nPlay it again:  ${command(args, seed, null)} --trace`);
  if (violation.kind === "not deterministic") return;
  const subject = await subjectWith(args.fault);
  const { scenario, result, tries } = await shrink(drawScenario(seed, args.steps), violation, subject, SHRINK_MS);
  const kept = scenario.happenings.map(({ index }) => index);
  console.log(
    `\nThe least of it that was found in ${tries} tries, ${kept.length} happenings: ${told(result.violation)}`,
  );
  console.log(JSON.stringify(scenario.setting));
  for (const happening of scenario.happenings) console.log(`  ${tellHappening(happening)}`);
  console.log(`Play that again:  ${command(args, seed, kept)} --trace\n\nIts trace, to the end:`);
  console.log(result.trace.slice(-TRACE_LINES).join("\n"));
}

const TRACE_LINES = 80;

function command({ fault, steps }: Arguments, seed: number, kept: readonly number[] | null): string {
  const options = [
    ...(fault === null ? [] : [`--fault ${fault}`]),
    ...(steps === null ? [] : [`--steps ${steps}`]),
    ...(kept === null ? [] : [`--keep ${kept.join(",")}`]),
  ];
  return ["npm run simulate -- --seeds 1", `--seed ${seed}`, ...options].join(" ");
}

function told(violation: { readonly kind: string; readonly text: string; readonly atMs: number } | null): string {
  return violation === null
    ? "0 violations"
    : `VIOLATION, ${violation.kind}, at ${Math.round(violation.atMs)} ms: ${violation.text}`;
}

/** Plants each fault in turn. */
async function control(pool: Pool, args: Arguments): Promise<void> {
  const faults = PLANTED_FAULTS.filter(
    ({ needs }) => needs === undefined || (needs === "model") === (args.backplane === null),
  );
  for (const { name, breaks } of faults) {
    const report = await play(pool, args, name, args.controlSeeds, args.backplane === null ? 5 : args.atOnce);
    const { failure } = report;
    if (failure === null) process.exitCode = 1;
    const after =
      failure === null ? `NOT FOUND in ${report.played} seeds` : `found after ${failure.seed - args.seed + 1} seeds`;
    console.log(
      `${name.padEnd(24)} (${breaks}) ${after}${failure === null ? "" : `: ${failure.violation.kind}`}, ${report.seconds.toFixed(1)} s`,
    );
  }
}

async function main(args: Arguments): Promise<void> {
  console.log(`Seed ${args.seed}`);
  if (args.seeds === 1 && (args.isTraced || args.keep !== null)) {
    const scenario = drawScenario(args.seed, args.steps, args.backplane !== null);
    return playOne(args.keep === null ? scenario : only(scenario, new Set(args.keep)), args);
  }
  const pool = new Pool(args.workers);
  try {
    if (args.isControls) return await control(pool, args);
    const isReal = args.backplane !== null;
    const report = await play(pool, args, args.fault, args.seeds, isReal ? args.atOnce : CHUNK);
    console.log(report.summary(isReal));
    const missing =
      report.played < MANY_SEEDS || args.fault !== null
        ? []
        : report.missing(isReal ? MUST_HAPPEN_REALLY : MUST_HAPPEN);
    if (missing.length > 0) console.log(`\nThe seeds prove little: none has exercised ${missing.join(", ")}.`);
    if (missing.length > 0 || report.failure !== null) process.exitCode = 1;
    if (isReal) await show(report);
    else if (report.failure !== null) await explain(args, report.failure);
  } finally {
    pool.close();
  }
}

try {
  if (process.argv.includes("--help")) {
    console.log(USAGE);
    process.exit(0);
  }
  const args = readArguments(process.argv.slice(2), Date.now() % 1_000_000_000);
  if (args.isWorker) serveChunks();
  else await main(args);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
