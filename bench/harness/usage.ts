import { readFileSync, readdirSync } from "node:fs";

/** Memory of processes together, in bytes. */
export interface Memory {
  /** Resident set size. */
  readonly rss: number;
  /** Proportional set size: what is shared with other processes counts in part. */
  readonly pss: number;
}

/** Ticks of a process's clock in a second; the same on every Linux. */
const TICKS_PER_SECOND = 100;

/**
 * Processor time of a process and its children so far: user and system, all threads, in microseconds. It is the time of
 * /proc/<pid>/stat, which counts in ticks of 10 ms, read where it stands in nanoseconds: at each thread's schedstat.
 */
export function cpuUs(pid: number): number {
  return familyOf(pid).reduce(
    (sum, member) => sum + (scheduledUs(member) ?? ticksOf(member) * (1e6 / TICKS_PER_SECOND)),
    0,
  );
}

/** Null where the kernel keeps no such statistics. A thread that ends takes its time along; those of the servers here stay. */
function scheduledUs(pid: number): number | null {
  const times = threadsOf(pid).map((thread) => readOrNothing(`/proc/${pid}/task/${thread}/schedstat`));
  if (times.some((text) => text === "")) return null;
  return times.reduce((sum, text) => sum + Number(text.split(" ")[0]) / 1_000, 0);
}

/** What a process and its children hold now. */
export function memoryOf(pid: number): Memory {
  const rollups = familyOf(pid).map((member) => readOrNothing(`/proc/${member}/smaps_rollup`));
  const sum = (name: string): number =>
    rollups.reduce(
      (total, text) => total + Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1_024,
      0,
    );
  return { rss: sum("Rss"), pss: sum("Pss") };
}

function ticksOf(pid: number): number {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  // The name of the program stands in parentheses, and may hold blanks and parentheses of its own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

function familyOf(pid: number): number[] {
  const children = threadsOf(pid).flatMap((thread) =>
    readOrNothing(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(familyOf)];
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** A process that ended meanwhile has used nothing more. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
