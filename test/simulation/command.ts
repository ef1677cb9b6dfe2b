import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const run = promisify(execFile);
/** A trace is long. */
const OUTPUT_MAX = 50_000_000;

/** Runs the command and returns what it printed; rejects with all of it if it fails. */
export async function simulate(...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(
      process.execPath,
      ["--import", "tsx", "--conditions=@carillon/source", MAIN, ...args],
      { maxBuffer: OUTPUT_MAX },
    );
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`npm run simulate -- ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** The line that sums up a run. */
export function verdictIn(printed: string): string {
  return printed.split("\n").find((line) => line.includes("violations")) ?? "";
}
