import type { Ports, Timer } from "../../src/core/ports.ts";

/** Ports on a clock that a test moves, with ids and hashes that a test can predict. */
export class FakeWorld implements Ports {
  #nowMs = 0;
  #ids = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  /** Lets time pass, and fires what is due on the way. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_790_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  endOfTick(): void {
    throw new Error("Nothing in policy waits for the end of a tick.");
  }

  random(): number {
    return 0.5;
  }

  id(): string {
    this.#ids += 1;
    return `id${String(this.#ids).padStart(20, "0")}`;
  }

  hash(data: string | Uint8Array): string {
    return `#${typeof data === "string" ? data : data.join(",")}`;
  }

  digest(data: string): string {
    return `##${data}`;
  }
}
