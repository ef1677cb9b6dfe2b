import type { Ports, Timer } from "../../core/ports.ts";
import type { SimulatedRandom } from "./simulated-random.ts";

/** The world of one machine in a simulation: its ports, until it is stopped. */
export interface Machine extends Ports {
  readonly name: string;
  readonly random: () => number;
  /** True once it was stopped: its timers do not ring any more, and nobody is told. */
  readonly isStopped: boolean;
  /** Its wall clock is set by this much; no timer notices. */
  shiftWall(ms: number): void;
  /** It stands still, as a process does that is stopped or starved: what would ring meanwhile rings when that is over. */
  freeze(forMs: number): void;
  /** A `kill -9`: whatever it meant to do, it does not. */
  stop(): void;
}

/**
 * Time and chance of a simulation. Two there are: one on a virtual clock, where a seed does the same twice, and one on the
 * real clock, for what lives there and can't be taken away from it.
 */
export interface World {
  readonly random: SimulatedRandom;
  /** Events so far. */
  readonly steps: number;
  /** What was noted, if it is kept. */
  readonly trace: readonly string[] | null;
  /** How often something happened, by name: what a scenario has exercised. */
  readonly counts: ReadonlyMap<string, number>;
  /** Milliseconds since the start. */
  readonly nowMs: number;
  /** The true wall clock. */
  readonly wallMs: number;
  /** A hash of everything that was noted. */
  readonly hash: string;
  /** By how much events come late at present, in milliseconds: 0 on a virtual clock. */
  readonly lateMs: number;
  /** Notes what happened. */
  note(text: string): void;
  /** Counts that something happened. */
  count(what: string, by?: number): void;
  /** Calls back after a delay. */
  after(delayMs: number, callback: () => void): Timer;
  /** The ports of a machine with clocks and chance of its own. */
  machine(name: string, wallOffsetMs?: number): Machine;
  /** Lets time pass until a moment, or until `isOver` says that it is enough. Rejects with what an event throws. */
  run(untilMs: number, isOver?: () => boolean): Promise<void>;
}
