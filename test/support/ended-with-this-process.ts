import type { ChildProcess } from "node:child_process";
import { onWayOut } from "./way-out.ts";

/** Sees to it that a process ends with this one, also when that ends before its tests have tidied up. */
export function endedWithThisProcess<T extends ChildProcess>(child: T): T {
  child.once(
    "exit",
    onWayOut(() => void child.kill("SIGKILL")),
  );
  return child;
}
