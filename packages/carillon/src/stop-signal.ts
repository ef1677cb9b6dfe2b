/** The same Ctrl-C comes twice through npm, from the terminal and from npm, a moment apart; a person is slower. */
const REPEAT_MS = 1_000;
/** What shells call the number of a signal. */
const EXIT_CODES: ReadonlyMap<string, number> = new Map([
  ["SIGINT", 130],
  ["SIGTERM", 143],
]);

/** What waiting for a signal needs of its process. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", listener: (signal: string) => void): unknown;
}

/**
 * Resolves at the first SIGINT or SIGTERM. From then on a repetition within a second is taken for the same wish, and a
 * later one calls `force` with the exit code of whoever was not patient.
 */
export function stopSignal(
  source: SignalSource,
  force: (exitCode: number) => void,
  monotonicMs: () => number = () => performance.now(),
): Promise<void> {
  return new Promise((resolve) => {
    let firstMs: number | null = null;
    const received = (signal: string): void => {
      if (firstMs === null) {
        firstMs = monotonicMs();
        resolve();
      } else if (monotonicMs() - firstMs > REPEAT_MS) force(EXIT_CODES.get(signal) ?? 1);
    };
    source.on("SIGINT", received);
    source.on("SIGTERM", received);
  });
}
