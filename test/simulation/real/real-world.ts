import {
  Alarms,
  SimulatedRandom,
  systemPorts,
  WorldMachine,
  type Machine,
  type Timer,
  type World,
} from "@carillon/server/testing";

/** By how much events came late is remembered for this long. */
const LATE_FOR_MS = 3_000;
/** Between looks at how late events come, when nothing else happens. */
const BEAT_MS = 50;
/** Longest sleep of the one timer that a world has. */
const SLEEP_MAX_MS = 1_000;

/**
 * A world on the real clock: for a simulation with a part that lives there, as a real broker does. What happens comes
 * from the seed all the same, but when exactly, and in which order with the rest, is up to the machine: a seed does not do
 * the same twice. Many may run side by side in one process.
 */
export class RealWorld implements World {
  readonly random: SimulatedRandom;
  steps = 0;
  readonly trace: string[] = [];
  readonly counts: Map<string, number> = new Map();
  /** Runs are told apart by their traces; nothing is to be compared. */
  readonly hash = "";
  readonly #ports = systemPorts();
  readonly #startMs = performance.now();
  readonly #alarms = new Alarms();
  #sleep: NodeJS.Timeout | null = null;
  #wakeMs = Infinity;
  #isRunning = false;
  #isEnded = false;
  #late: { readonly atMs: number; readonly lateMs: number } = { atMs: 0, lateMs: 0 };
  #failure: { readonly error: unknown } | null = null;
  /** Told after each event. */
  readonly #watchers = new Set<() => void>();

  constructor(seed: number) {
    this.random = new SimulatedRandom(seed);
    this.#beat();
  }

  get nowMs(): number {
    return performance.now() - this.#startMs;
  }

  get wallMs(): number {
    return this.#ports.wallMs();
  }

  get lateMs(): number {
    return this.nowMs - this.#late.atMs > LATE_FOR_MS ? 0 : this.#late.lateMs;
  }

  note(text: string): void {
    this.trace.push(`${this.nowMs.toFixed(0).padStart(7)}  ${text}`);
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  after(delayMs: number, callback: () => void): Timer {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const timer = this.#alarms.set(atMs, callback);
    if (!this.#isRunning) this.#sleepUntil(atMs);
    return timer;
  }

  machine(name: string, wallOffsetMs = 0): Machine {
    const random = this.random.fork(name);
    const { monotonicMs, wallMs, id, hash, digest } = this.#ports;
    const chance = { random: () => random.next(), id, hash, digest };
    return new WorldMachine({
      name,
      wallOffsetMs,
      clocks: { monotonicMs, wallMs },
      chance,
      after: (delayMs, ring) => this.after(delayMs, ring),
    });
  }

  run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.#failure === null && !isOver() && this.nowMs < untilMs) return;
        this.#watchers.delete(look);
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- handed on as it was thrown.
        if (this.#failure !== null) reject(this.#failure.error);
        else resolve();
      };
      this.#watchers.add(look);
      this.after(untilMs - this.nowMs, () => {});
    });
  }

  /** An event that is not of this world's own alarms has failed. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Nothing rings any more. */
  end(): void {
    this.#isEnded = true;
    if (this.#sleep !== null) clearTimeout(this.#sleep);
  }

  #sleepUntil(atMs: number): void {
    if (this.#isEnded || atMs >= this.#wakeMs) return;
    if (this.#sleep !== null) clearTimeout(this.#sleep);
    this.#wakeMs = atMs;
    const ms = Math.min(SLEEP_MAX_MS, Math.max(0, Math.ceil(atMs - this.nowMs)));
    this.#sleep = setTimeout(() => this.#work(), ms);
  }

  /** One event, and a turn of the event loop before the next: what arrived meanwhile has its turn as well. */
  #work(): void {
    this.#wakeMs = Infinity;
    if (this.#isEnded) return;
    const now = this.nowMs;
    const due = this.#alarms.takeDue(now);
    if (due === null) return this.#rest();
    const lateMs = now - due.atMs;
    if (lateMs > this.lateMs) this.#late = { atMs: now, lateMs };
    this.steps++;
    this.#isRunning = true;
    try {
      due.callback();
    } catch (error) {
      this.fail(error);
    }
    this.#isRunning = false;
    const watchers = Array.from(this.#watchers);
    for (const look of watchers) look();
    setImmediate(() => this.#work());
  }

  #rest(): void {
    const next = this.#alarms.nextMs;
    if (next !== null) this.#sleepUntil(next);
  }

  #beat(): void {
    this.after(BEAT_MS, () => this.#beat());
  }
}
