import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Sends a process a signal that it ends by, and resolves when it is gone; at once if it is, or if there is none. */
export async function endProcess(child: ChildProcess | null, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
