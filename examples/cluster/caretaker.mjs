// Ends the processes of the cluster when start.mjs is gone without having done so, as after kill -9. It reads their numbers,
// +123 for one that runs and -123 for one that has ended; its input ends with start.mjs, whatever that dies of.
import { createInterface } from "node:readline";

/** @type {Set<number>} */
const running = new Set();
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) running.add(pid);
  else running.delete(pid);
});
lines.on("close", () => {
  for (const pid of running) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
});
