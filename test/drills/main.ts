/**
 * `npm run drill -- <name>`: one thing that befalls clusters, done to real servers under load, with a bar. Ends with 1 if
 * a bar is missed, or a control is not reported; with 2 for a wrong command.
 */
import { randomInt } from "node:crypto";
import type { DrillResult } from "./drill.ts";
import { DRILL_USAGE, parseDrill, type DrillCommand } from "./options.ts";
import { DRILLS, runControl, runDrill } from "./run-drill.ts";

/** Between two lines of progress, in milliseconds. */
const PROGRESS_MS = 5_000;

function progressPrinter(): (line: string) => void {
  const startMs = performance.now();
  let printedMs = startMs;
  return (line) => {
    const nowMs = performance.now();
    if (nowMs - printedMs < PROGRESS_MS) return;
    printedMs = nowMs;
    console.log(`${((nowMs - startMs) / 1000).toFixed(0)} s: ${line}`);
  };
}

function print({ rows, misses }: DrillResult): void {
  const width = Math.max(...rows.map(([what]) => what.length)) + 2;
  for (const [what, figures] of rows) console.log(`  ${what.padEnd(width)}${figures}`);
  for (const miss of misses) console.log(`  MISSED: ${miss}`);
  console.log(misses.length === 0 ? "passed" : "not passed");
}

async function controls({ name, options }: DrillCommand): Promise<boolean> {
  let isFound = true;
  for (const control of DRILLS[name].controls) {
    const { miss, result } = await runControl(name, options, control);
    console.log(`${control.name}: ${miss === null ? "NOT REPORTED" : `reported, ${miss}`}`);
    if (miss !== null) continue;
    isFound = false;
    print(result);
  }
  return isFound;
}

async function main(command: DrillCommand): Promise<boolean> {
  const { name, options, isControl } = command;
  if (isControl) return controls(command);
  const startMs = performance.now();
  const result = await runDrill(name, options, null, progressPrinter());
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  console.log(`${name} with ${options.backplane}, seed ${options.seed}, ${seconds} s`);
  print(result);
  return result.misses.length === 0;
}

let command: DrillCommand | null = null;
try {
  command = parseDrill(process.argv.slice(2), randomInt(2 ** 31));
  if (command === null) console.log(DRILL_USAGE);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${DRILL_USAGE}`);
  process.exitCode = 2;
}
if (command !== null) {
  const isOk = await main(command).catch((error: unknown) => {
    console.error("The drill was not finished:", error);
    return false;
  });
  // Not by itself: Node 20 turns in circles for ever when it leaves with a socket that was reset while it was ending.
  process.exit(isOk ? 0 : 1);
}
