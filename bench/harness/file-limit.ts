import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Files that a process of the bench may need: 15,000 connections and what else it has open. */
const WANTED = 16_500;

/** Raises how many files this process, and all it starts, may have open; says so when it stays too low. */
export function raiseFileLimit(): string | null {
  if (process.platform !== "linux" || hardLimit() >= WANTED) return null;
  spawnSync("prlimit", ["--pid", String(process.pid), `--nofile=${WANTED * 2}:${WANTED * 2}`]);
  if (hardLimit() >= WANTED) return null;
  return `At most ${hardLimit()} open files are allowed: scenarios with more connections will fail. As root: prlimit --nofile.`;
}

function hardLimit(): number {
  const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return limit === "unlimited" ? Infinity : Number(limit);
}
