import type { Ports } from "../core/ports.ts";

/** A line that takes its time and keeps the order, like one TCP connection. */
export class Line {
  readonly #ports: Pick<Ports, "after" | "monotonicMs">;
  readonly #delayMs: (() => number) | null;
  #arrivals: (() => void)[] = [];
  #lastAtMs = 0;

  /** `delayMs` is asked for each message; null: messages arrive within the call. */
  constructor(ports: Pick<Ports, "after" | "monotonicMs">, delayMs: (() => number) | null) {
    this.#ports = ports;
    this.#delayMs = delayMs;
  }

  /** True while nothing is on its way. */
  get isEmpty(): boolean {
    return this.#arrivals.length === 0;
  }

  /** Runs `arrive` after a delay, and after everything that was sent before. */
  send(arrive: () => void): void {
    if (this.#delayMs === null) return arrive();
    const now = this.#ports.monotonicMs();
    // Alarms of one moment ring in the order in which they were set, so the order is kept.
    this.#lastAtMs = Math.max(this.#lastAtMs, now + this.#delayMs());
    const arrivals = this.#arrivals;
    arrivals.push(arrive);
    this.#ports.after(this.#lastAtMs - now, () => arrivals.shift()?.());
  }

  /** What is on its way never arrives. */
  drop(): void {
    this.#arrivals.length = 0;
    this.#arrivals = [];
  }
}
