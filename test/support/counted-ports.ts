import type { Ports, Timer } from "@carillon/server";
import { systemPorts } from "@carillon/server/testing";

/** The real world, with an eye on the timers that were set and have neither fired nor been cancelled. */
export class CountedPorts {
  readonly ports: Ports;
  readonly #pending = new Map<Timer, number>();

  constructor() {
    const system = systemPorts();
    this.ports = { ...system, after: (delayMs, callback) => this.#after(system, delayMs, callback) };
  }

  /** How many timers are pending. */
  get pending(): number {
    return this.#pending.size;
  }

  /** The delays of the pending timers, in milliseconds, in rising order: enough to know whose they are. */
  get delays(): number[] {
    return [...this.#pending.values()].sort((a, b) => a - b);
  }

  #after(system: Ports, delayMs: number, callback: () => void): Timer {
    const timer = system.after(delayMs, () => {
      this.#pending.delete(counted);
      callback();
    });
    const counted: Timer = {
      cancel: () => {
        this.#pending.delete(counted);
        timer.cancel();
      },
    };
    this.#pending.set(counted, delayMs);
    return counted;
  }
}
