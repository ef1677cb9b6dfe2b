import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bundle } from "../support/bundle.ts";
import { crash } from "./crash.ts";
import type { Control, Drill, DrillResult } from "./drill.ts";
import type { DrillName, DrillOptions } from "./options.ts";
import { rollback } from "./rollback.ts";
import { rollingRestart } from "./rolling-restart.ts";
import { swallow } from "./swallow.ts";

/** All drills, by name. */
export const DRILLS: Readonly<Record<DrillName, Drill>> = {
  rollback,
  swallow,
  crash,
  "rolling-restart": rollingRestart,
};

/** Runs a drill in a folder of its own; on a build that a control breaks, if there is one. */
export async function runDrill(
  name: DrillName,
  options: DrillOptions,
  control: Control | null = null,
  progress: (line: string) => void = () => {},
): Promise<DrillResult> {
  const sabotage = control?.sabotage?.[options.backplane];
  using program = await Bundle.create(new URL("node-process.ts", import.meta.url), sabotage);
  const folder = await mkdtemp(join(tmpdir(), "carillon-drill-"));
  try {
    const faults = control?.faults ?? [];
    return await DRILLS[name].run(options, { program: program.file, faults, folder, progress });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What became of a control. */
export interface ControlResult {
  /** The miss that reports the fault; null: it was not found. */
  readonly miss: string | null;
  readonly result: DrillResult;
}

/** Runs a drill on a build that is broken. */
export async function runControl(name: DrillName, options: DrillOptions, control: Control): Promise<ControlResult> {
  const result = await runDrill(name, { ...options, ...control.scale }, control);
  return { miss: result.misses.find((miss) => control.reported.test(miss)) ?? null, result };
}
