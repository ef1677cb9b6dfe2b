import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { PLANTED_FAULTS } from "./faults.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const run = promisify(execFile);

/** Where the regular seeds begin; a failing seed of the fresh ones belongs here as a test of its own. */
const FIXED_SEED = 1;
const SEEDS = 40;
/** Seeds in which each control has to be found. */
const CONTROL_SEEDS = 400;

/** Runs the command and returns what it printed; rejects with all of it if it fails. */
async function simulate(...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, ["--import", "tsx", "--conditions=@carillon/source", MAIN, ...args]);
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`npm run simulate -- ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** The line that sums up a run. */
function verdictIn(printed: string): string {
  return printed.split("\n").find((line) => line.includes("violations")) ?? "";
}

it("no promise is broken in the regular seeds", async () => {
  const printed = await simulate("--seed", String(FIXED_SEED), "--seeds", String(SEEDS));
  console.log(verdictIn(printed));
  expect(printed).toContain(`${SEEDS} seeds: 0 violations`);
});

it("no promise is broken in seeds that nobody has played before", async () => {
  const seed = Date.now() % 1_000_000_000;
  const printed = await simulate("--seed", String(seed), "--seeds", String(SEEDS));
  console.log(`From seed ${seed}: ${verdictIn(printed)}`);
  expect(printed).toContain(`${SEEDS} seeds: 0 violations`);
});

it("every planted fault is found", async () => {
  const printed = await simulate("--controls", "--seed", String(FIXED_SEED), "--control-seeds", String(CONTROL_SEEDS));
  console.log(printed);
  expect(PLANTED_FAULTS).toHaveLength(8);
  for (const { name } of PLANTED_FAULTS) expect(printed).toMatch(new RegExp(`^${name} .*found after \\d+ seeds`, "m"));
});

it("a seed does the same twice, and its trace says so", async () => {
  const [one, other] = await Promise.all([simulate("--seed", "25", "--trace"), simulate("--seed", "25", "--trace")]);
  expect(one).toBe(other);
  expect(one).toMatch(/Seed 25, \d+ steps, hash [0-9a-f]+: 0 violations/);
});
