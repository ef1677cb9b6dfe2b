import { spawnSync } from "node:child_process";

/** The processors of a run; null: any. */
export interface Cpus {
  readonly server: number | null;
  readonly load: number | null;
}

/** Servers on one processor and load on another, where the system lets us say so and has two. */
export function pinnedCpus(): Cpus {
  const canPin = [0, 1].every((cpu) => spawnSync("taskset", ["--cpu-list", String(cpu), "true"]).status === 0);
  return canPin ? { server: 0, load: 1 } : { server: null, load: null };
}

/** A command that runs on a processor only. */
export function onCpu(cpu: number | null, command: readonly string[]): [program: string, ...args: string[]] {
  const [program = "", ...args] = cpu === null ? command : ["taskset", "--cpu-list", String(cpu), ...command];
  return [program, ...args];
}
