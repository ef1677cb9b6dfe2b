import type { Ports } from "../core/ports.ts";

const WINDOW_MS = 60_000;

/** Counts failed commands, so that a peer that does nothing but fail is sent away instead of answered forever. */
export class ErrorBudget {
  readonly #ports: Ports;
  readonly #perMinute: number;
  #count = 0;
  #since = 0;

  constructor(ports: Ports, perMinute: number) {
    this.#ports = ports;
    this.#perMinute = perMinute;
  }

  /** Counts one failure; false once there were too many in a minute. */
  spend(): boolean {
    const now = this.#ports.monotonicMs();
    if (now - this.#since > WINDOW_MS) {
      this.#since = now;
      this.#count = 0;
    }
    this.#count++;
    return this.#count <= this.#perMinute;
  }
}
