/**
 * `npm run chaos`: the real server, killed again and again under load, and what applications saw of it. Ends with 1 if
 * anything was lost, repeated, reordered or passed over in silence; with 2 for a wrong command.
 */
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isFaultless, runChaos, type ChaosResult, type Progress } from "./chaos-run.ts";
import { CONTROLS, parseOptions, USAGE, type ChaosOptions, type Command } from "./options.ts";
import { Programs } from "./programs.ts";
import { printResult } from "./report.ts";
import type { PlantedFault } from "./planted-faults.ts";

/** The time between two lines of progress, in milliseconds. */
const PROGRESS_MS = 10_000;
/** Kills of a control. */
const CONTROL_KILLS = 5;

function progressPrinter(kills: number): (progress: Progress) => void {
  let printedMs = 0;
  return ({ kills: done, counts, elapsedMs }) => {
    if (elapsedMs - printedMs < PROGRESS_MS) return;
    printedMs = elapsedMs;
    const { published, acknowledged, delivered } = counts;
    const [seconds, left] = [elapsedMs / 1000, (elapsedMs / 1000 / Math.max(1, done)) * (kills - done)];
    console.log(
      `${done}/${kills} kills, ${seconds.toFixed(0)} s, about ${left.toFixed(0)} s to go: ` +
        `${published} published, ${acknowledged} acknowledged, ${delivered} delivered`,
    );
  };
}

async function run(options: ChaosOptions, programs: Programs, isKept: boolean): Promise<ChaosResult> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-chaos-"));
  let isWanted = isKept;
  try {
    const result = await runChaos(options, { programs, folder, onProgress: progressPrinter(options.kills) });
    isWanted ||= !isFaultless(result) && options.faults.length === 0;
    return result;
  } catch (error) {
    isWanted = true;
    throw error;
  } finally {
    if (isWanted) console.log(`Journals and store are in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  }
}

/** A short run for each fault: what can't find them can't be believed when it finds nothing. */
async function runControls(options: ChaosOptions, programs: Programs): Promise<boolean> {
  let isFound = true;
  for (const [fault, finding] of Object.entries(CONTROLS)) {
    const faults = [fault as PlantedFault];
    const { findings, kills } = await run({ ...options, faults, kills: CONTROL_KILLS }, programs, false);
    const found = findings.counts[finding];
    if (found === 0) isFound = false;
    const verdict = found > 0 ? `reported, ${finding}: ${found}` : `NOT REPORTED, expected ${finding}`;
    console.log(`${fault}, ${kills} kills of ${options.nodes}, ${options.backplane}, seed ${options.seed}: ${verdict}`);
  }
  return isFound;
}

async function main({ options, isControls, isKept }: Command): Promise<boolean> {
  using programs = await Programs.create();
  // Awaited here: the programs are gone when this function has returned.
  if (isControls) return await runControls(options, programs);
  const result = await run(options, programs, isKept);
  console.log(printResult(result, options));
  return isFaultless(result);
}

// What a run has started and changed is taken back when the process exits, and a signal alone does not exit.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

let command: Command | null = null;
try {
  command = parseOptions(process.argv.slice(2), randomInt(2 ** 31));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
if (command?.isHelp === true) console.log(USAGE);
else if (command !== null) {
  const isOk = await main(command).catch((error: unknown) => {
    console.error("The run was not finished:", error);
    return false;
  });
  // Not by itself: after a run that found something, a proxy or a timer may go on, and with it the process.
  process.exit(isOk ? 0 : 1);
}
