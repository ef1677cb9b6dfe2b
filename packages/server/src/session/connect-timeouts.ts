import type { Ports, Timer } from "../core/ports.ts";

/** Something that must have connected within a time. */
export interface Connecting {
  connectTimedOut(): void;
}

/**
 * One timer for the connects of all connections: each has the same time, so they are due in the order in which they
 * began. Adding and removing take constant time.
 */
export class ConnectTimeouts {
  readonly #ports: Pick<Ports, "after" | "monotonicMs">;
  readonly #timeoutMs: number;
  /** When each is due; the first is due first. */
  readonly #dueMs = new Map<Connecting, number>();
  #timer: Timer | null = null;

  constructor(ports: Pick<Ports, "after" | "monotonicMs">, timeoutMs: number) {
    this.#ports = ports;
    this.#timeoutMs = timeoutMs;
  }

  /** Gauge: how many have yet to connect. */
  get size(): number {
    return this.#dueMs.size;
  }

  /** Is told when its time is over, unless it is removed before. `nowMs`: of the monotonic clock, just read. */
  add(connecting: Connecting, nowMs: number): void {
    this.#dueMs.set(connecting, nowMs + this.#timeoutMs);
    if (this.#timer === null) this.#wait(this.#timeoutMs);
  }

  /**
   * It has connected, or has ended. Harmless when repeated. The timer stays: a busy server would set one and cancel it
   * many times a second.
   */
  remove(connecting: Connecting): void {
    this.#dueMs.delete(connecting);
  }

  /** Lets go of the timer. Nobody is told any more. */
  close(): void {
    this.#dueMs.clear();
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#ports.after(delayMs, () => this.#tell());
  }

  #tell(): void {
    const now = this.#ports.monotonicMs();
    // The timer that rang stands until all are told: whoever begins meanwhile must not set one that is late for the others.
    for (const [connecting, dueMs] of this.#dueMs) {
      // Timers fire a moment early at times.
      if (dueMs > now) break;
      this.#dueMs.delete(connecting);
      connecting.connectTimedOut();
    }
    this.#timer = null;
    const [nextMs] = this.#dueMs.values();
    if (nextMs !== undefined) this.#wait(nextMs - now);
  }
}
