import type { SimulatedRandom } from "./simulated-random.ts";
import type { World } from "./world.ts";

/** Messages in order, each after a while, until it breaks. */
export class Wire {
  readonly #world: World;
  readonly #delayMs: () => number;
  #lastAtMs = 0;
  #flight: { arrive: (() => void) | null }[] = [];

  constructor(world: World, delayMs: () => number) {
    this.#world = world;
    this.#delayMs = delayMs;
  }

  /** True while nothing is under way. */
  get isEmpty(): boolean {
    return this.#flight.length === 0;
  }

  /** Runs `arrive` after a delay, `extraMs` more, and after everything that was sent before. */
  send(arrive: () => void, extraMs = 0): void {
    const message = { arrive };
    this.#flight.push(message);
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#world.nowMs + this.#delayMs() + extraMs);
    this.#world.after(this.#lastAtMs - this.#world.nowMs, () => {
      const index = this.#flight.indexOf(message);
      if (index !== -1) this.#flight.splice(index, 1);
      message.arrive?.();
    });
  }

  /** What is sent from now on arrives no earlier than that. */
  hold(untilMs: number): void {
    this.#lastAtMs = Math.max(this.#lastAtMs, untilMs);
  }

  /** Breaks: of what is under way, a random first part still arrives. Without `random`, nothing does. */
  cut(random: SimulatedRandom | null): void {
    const kept = random === null ? 0 : random.int(0, this.#flight.length);
    for (const message of this.#flight.slice(kept)) message.arrive = null;
    this.#flight = [];
  }
}
