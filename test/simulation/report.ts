import type { ChunkResult, Failure } from "./chunk.ts";

/** Sums up chunks as they come. */
export class Report {
  played = 0;
  steps = 0;
  virtualMs = 0;
  repeated = 0;
  /** Seeds with a violation, in their order. */
  readonly failures: Failure[] = [];
  readonly #counts = new Map<string, [times: number, seeds: number]>();
  readonly #startMs = performance.now();

  /** A chunk has been played. */
  add({ played, steps, virtualMs, repeated, counts, failures }: ChunkResult): void {
    this.played += played;
    this.steps += steps;
    this.virtualMs += virtualMs;
    this.repeated += repeated;
    this.failures.push(...failures);
    this.failures.sort((one, other) => one.seed - other.seed);
    for (const [what, times, seeds] of counts) {
      const [sum, sumSeeds] = this.#counts.get(what) ?? [0, 0];
      this.#counts.set(what, [sum + times, sumSeeds + seeds]);
    }
  }

  /** The first seed with a violation. */
  get failure(): Failure | null {
    return this.failures[0] ?? null;
  }

  get seconds(): number {
    return (performance.now() - this.#startMs) / 1_000;
  }

  /** How far it is, in one line. */
  progress(wanted: number): string {
    return `${this.played} of ${wanted} seeds, ${this.#speed()}`;
  }

  /** The verdict, and what was exercised. `isReal`: on the real clock. */
  summary(isReal: boolean): string {
    const hours = (this.virtualMs / 3_600_000).toFixed(1);
    const violations = this.failures.length === 1 ? "1 violation" : `${this.failures.length} violations`;
    const time = isReal
      ? `${(this.virtualMs / 60_000).toFixed(1)} minutes of real time side by side.`
      : `${hours} virtual hours, ${this.repeated} seeds played twice with the same trace.`;
    return [
      `${this.played} seeds: ${violations}. ${this.#speed()}, ${time}`,
      "",
      "What the seeds exercised (times, share of the seeds):",
      ...[...this.#counts]
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([what, [times, seeds]]) => {
          const share = ((100 * seeds) / Math.max(1, this.played)).toFixed(1);
          return `  ${what.padEnd(40)} ${String(times).padStart(10)} ${share.padStart(7)} %`;
        }),
    ].join("\n");
  }

  /** Of these, what no seed has exercised: a scenario that is too lazy to prove anything. */
  missing(wanted: readonly string[]): string[] {
    return wanted.filter((what) => !this.#counts.has(what));
  }

  #speed(): string {
    const { seconds } = this;
    const seedsPerSecond = (this.played / seconds).toFixed(1);
    return `${seedsPerSecond} seeds/s, ${Math.round(this.steps / seconds).toLocaleString("en")} steps/s, ${seconds.toFixed(1)} s`;
  }
}
