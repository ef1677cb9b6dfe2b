import type { ChildProcess } from "node:child_process";

/** Sees to it that a process ends with this one, also when that ends before its tests have tidied up. */
export function endedWithThisProcess<T extends ChildProcess>(child: T): T {
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  return child;
}
