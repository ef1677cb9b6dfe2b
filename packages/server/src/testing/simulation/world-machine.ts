import type { Ports, Timer } from "../../core/ports.ts";
import type { Machine } from "./world.ts";

/** What a {@link WorldMachine} is made of. */
export interface WorldMachineOptions {
  readonly name: string;
  /** By how much its wall clock is wrong, in milliseconds. */
  readonly wallOffsetMs: number;
  readonly clocks: Pick<Ports, "monotonicMs" | "wallMs">;
  readonly chance: Pick<Ports, "random" | "id" | "hash" | "digest">;
  readonly after: (delayMs: number, ring: () => void) => Timer;
}

/** A machine of a simulation, on the clock of its world. */
export class WorldMachine implements Machine {
  readonly name: string;
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  readonly random: () => number;
  readonly id: () => string;
  readonly hash: Ports["hash"];
  readonly digest: Ports["digest"];
  readonly #options: WorldMachineOptions;
  #offsetMs: number;
  #isStopped = false;
  #frozenUntilMs = 0;

  constructor(options: WorldMachineOptions) {
    const { name, wallOffsetMs, clocks, chance } = options;
    this.#options = options;
    this.name = name;
    this.#offsetMs = wallOffsetMs;
    this.monotonicMs = clocks.monotonicMs;
    this.wallMs = () => clocks.wallMs() + this.#offsetMs;
    this.random = chance.random;
    this.id = chance.id;
    this.hash = chance.hash;
    this.digest = chance.digest;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  readonly after = (delayMs: number, callback: () => void): Timer => {
    let timer: Timer;
    const ring = (): void => {
      if (this.#isStopped) return;
      const frozenMs = this.#frozenUntilMs - this.monotonicMs();
      if (frozenMs > 0) timer = this.#options.after(frozenMs, ring);
      else callback();
    };
    timer = this.#options.after(delayMs, ring);
    return { cancel: () => timer.cancel() };
  };

  // Behind the events that wait for this very moment, as a tick takes in what has arrived.
  readonly endOfTick = (callback: () => void): void => void this.after(0, callback);

  shiftWall(ms: number): void {
    this.#offsetMs += ms;
  }

  freeze(forMs: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.monotonicMs() + forMs);
  }

  stop(): void {
    this.#isStopped = true;
  }
}
