import { backoffMs } from "./backoff.ts";
import type { Cancel, ClientPorts } from "./ports.ts";

/** Named timers of one machine, at most one of each name, so that all of them can die with a state. */
export class TimerSet {
  readonly #ports: ClientPorts;
  readonly #pending = new Map<string, Cancel>();

  constructor(ports: ClientPorts) {
    this.#ports = ports;
  }

  /** Starts the timer `name`; one that runs is replaced. */
  set(name: string, delayMs: number, fire: () => void): void {
    this.clear(name);
    const cancel = this.#ports.setTimer(delayMs, () => {
      this.#pending.delete(name);
      fire();
    });
    this.#pending.set(name, cancel);
  }

  /** Starts the timer `name` by the backoff: for attempt number `attempt`, and not before `leastMs`. */
  retry(name: string, attempt: number, leastMs: number | undefined, fire: () => void): void {
    this.set(name, Math.max(leastMs ?? 0, backoffMs(attempt, this.#ports.random())), fire);
  }

  /** True while the timer `name` runs. */
  has(name: string): boolean {
    return this.#pending.has(name);
  }

  /** Stops the timer `name`, if it runs. */
  clear(name: string): void {
    this.#pending.get(name)?.();
    this.#pending.delete(name);
  }

  /** Stops all timers. */
  clearAll(): void {
    for (const name of this.#pending.keys()) this.clear(name);
  }
}
