import type { Timer } from "../../core/ports.ts";
import { Alarms } from "../alarms.ts";
import { quickDigest, quickHash, SimulatedRandom } from "./simulated-random.ts";
import type { Machine, World } from "./world.ts";
import { WorldMachine } from "./world-machine.ts";

/** Settings of a {@link SimulatedWorld}. */
export interface SimulatedWorldOptions {
  readonly seed: number;
  /** Keeps what was noted, for a person to read. Default: only a hash of it. */
  readonly isTraced?: boolean;
}

/** What wall clocks say at the start, in milliseconds since 1970: some day in 2026. */
const START_WALL_MS = 1_790_000_000_000;
/** Events between two looks at the real event loop's other phases. */
const BATCH = 64;

/**
 * Time and chance of a simulation. Events happen one after the other, each in a real turn of the event loop of its own,
 * so that promises run between them as they do in earnest. Time stands still while an event happens.
 */
export class SimulatedWorld implements World {
  readonly lateMs = 0;
  readonly random: SimulatedRandom;
  /** Events so far. */
  steps = 0;
  /** What was noted, if it is kept. */
  readonly trace: string[] | null;
  /** How often something happened, by name: what a scenario has exercised. */
  readonly counts: Map<string, number> = new Map();
  #nowMs = 0;
  #hash = 0;
  readonly #alarms = new Alarms();

  constructor({ seed, isTraced = false }: SimulatedWorldOptions) {
    this.random = new SimulatedRandom(seed);
    this.trace = isTraced ? [] : null;
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The true wall clock. */
  get wallMs(): number {
    return START_WALL_MS + Math.floor(this.#nowMs);
  }

  /** A hash of everything that was noted: the same seed must give the same. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16);
  }

  /** Notes what happened: in the hash, and in the trace if one is kept. */
  note(text: string): void {
    let hash = this.#hash ^ Math.floor(this.#nowMs * 8);
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    this.#hash = hash;
    this.trace?.push(`${this.#nowMs.toFixed(0).padStart(7)}  ${text}`);
  }

  /** Counts that something happened. */
  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** Calls back after a delay. */
  after(delayMs: number, callback: () => void): Timer {
    return this.#alarms.set(this.#nowMs + Math.max(0, delayMs), callback);
  }

  /** The ports of a machine with clocks and chance of its own. */
  machine(name: string, wallOffsetMs = 0): Machine {
    const random = this.random.fork(name);
    const clocks = { monotonicMs: () => this.#nowMs, wallMs: () => this.wallMs };
    const chance = { random: () => random.next(), id: () => random.id(), hash: quickHash, digest: quickDigest };
    return new WorldMachine({
      name,
      wallOffsetMs,
      clocks,
      chance,
      after: (delayMs, ring) => this.after(delayMs, ring),
    });
  }

  /**
   * Lets time pass until a moment, or until `isOver` says that it is enough. Rejects with what an event throws. Each
   * event has an immediate of its own: Node runs all microtasks between two immediates.
   */
  run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      let isDone = false;
      const step = (): void => {
        if (isDone) return;
        try {
          isDone = isOver() || !this.#step(untilMs);
          if (isDone) resolve();
        } catch (error) {
          isDone = true;
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- handed on as it was thrown.
          reject(error);
        }
      };
      const batch = (): void => {
        if (isDone) return;
        for (let count = 0; count < BATCH; count++) turn(step);
        turn(batch);
      };
      batch();
    });
  }

  #step(untilMs: number): boolean {
    const due = this.#alarms.takeDue(untilMs);
    this.#nowMs = Math.max(this.#nowMs, due?.atMs ?? untilMs);
    if (due === null) return false;
    this.steps++;
    due.callback();
    return true;
  }
}

/** The real one, kept before a simulation forbids it. */
const turn = setImmediate;
