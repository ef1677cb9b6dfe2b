import type { SimulatedRandom } from "./simulated-random.ts";
import type { World } from "./world.ts";
import { Wire } from "./wire.ts";

/** What befalls live deliveries for a while: the probability that one is lost, comes twice, or comes late. */
export interface DeliveryTrouble {
  readonly lost: number;
  readonly twice: number;
  readonly late: number;
}

const NO_TROUBLE: DeliveryTrouble = { lost: 0, twice: 0, late: 0 };
/** How late a delivery can be, in milliseconds. */
const LATE_MS = 900;

/** The line by which a broker tells a node what has changed. What comes twice is taken once. */
export class DeliveryLine {
  readonly #world: World;
  readonly #random: SimulatedRandom;
  readonly #wire: Wire;
  #trouble = NO_TROUBLE;
  /** Changes with the connection: what belongs to an older one is not taken any more. */
  #life = 0;
  #sent = 0;
  #received = 0;

  constructor(world: World, random: SimulatedRandom, delayMs: () => number) {
    this.#world = world;
    this.#random = random;
    this.#wire = new Wire(world, delayMs);
  }

  /** Has trouble for a while. */
  trouble(trouble: DeliveryTrouble, forMs: number): void {
    this.#trouble = trouble;
    this.#world.after(forMs, () => this.calm());
  }

  /** Has no trouble any more. */
  calm(): void {
    this.#trouble = NO_TROUBLE;
  }

  /** Nothing arrives before that, and nothing is lost by it. */
  hold(untilMs: number): void {
    this.#wire.hold(untilMs);
  }

  /** The connection is lost, with what was under way. */
  cut(): void {
    this.#wire.cut(null);
    this.#life++;
  }

  /** Sends what may be lost. */
  deliver(take: () => void): void {
    const number = ++this.#sent;
    const life = this.#life;
    const { lost, twice, late } = this.#trouble;
    const arrive = (): void => {
      if (life !== this.#life || number <= this.#received) return;
      this.#received = number;
      take();
    };
    if (this.#random.chance(lost)) return this.#world.count("deliveries lost");
    const isLate = this.#random.chance(late);
    if (isLate) this.#world.count("deliveries late");
    this.#wire.send(arrive, isLate ? this.#random.int(1, LATE_MS) : 0);
    if (!this.#random.chance(twice)) return;
    this.#world.count("deliveries twice");
    this.#wire.send(arrive);
  }

  /** Sends what is not lost, behind everything that was sent before. */
  confirm(take: () => void): void {
    const life = this.#life;
    this.#wire.send(() => {
      if (life === this.#life) take();
    });
  }
}
