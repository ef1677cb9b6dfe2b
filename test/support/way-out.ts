/**
 * Does something when the process ends, however it does short of a SIGKILL: servers that were started, and changes to the
 * system's network, must not outlive it. Returns what takes it back. `clean` has no time to wait for anything.
 */
export function onWayOut(clean: () => void): () => void {
  const listener = (): void => {
    try {
      clean();
    } catch {
      // There is nobody left to tell.
    }
  };
  // Each server and each process of a run has one.
  process.setMaxListeners(Math.max(process.getMaxListeners(), process.listenerCount("exit") + 16));
  process.on("exit", listener);
  return () => void process.off("exit", listener);
}
