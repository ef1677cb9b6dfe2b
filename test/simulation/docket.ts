import type { World } from "@carillon/server/testing";

/**
 * Where what somebody was told waits to be judged. The truth of a broker in a simulation is there before anybody is told;
 * that of a real one is heard of as everything else is, a moment later or earlier.
 */
export interface Docket {
  /** Cases that are not judged yet. */
  readonly open: number;
  /** Judges, as `judge` does, as soon as the truth of it is known; one case after the other. */
  add(isKnown: () => boolean, judge: () => void): void;
}

/** Judges at once. */
export const AT_ONCE: Docket = { open: 0, add: (_isKnown, judge) => judge() };

/** Between looks whether more is known. */
const LOOK_MS = 5;
/** After so long something is judged by what is known: nobody will ever hear of it. */
const PATIENCE_MS = 10_000;

/** Judges in the order of the cases, each once its truth is known. */
export class PatientDocket implements Docket {
  readonly #world: World;
  readonly #cases: { readonly isKnown: () => boolean; readonly judge: () => void; readonly sinceMs: number }[] = [];
  #isLooking = false;

  constructor(world: World) {
    this.#world = world;
  }

  get open(): number {
    return this.#cases.length;
  }

  add(isKnown: () => boolean, judge: () => void): void {
    this.#cases.push({ isKnown, judge, sinceMs: this.#world.nowMs });
    if (!this.#isLooking) this.#look();
  }

  #look(): void {
    const { nowMs } = this.#world;
    for (let first = this.#cases[0]; first !== undefined; first = this.#cases[0]) {
      if (!first.isKnown() && nowMs - first.sinceMs < PATIENCE_MS) break;
      this.#cases.shift();
      first.judge();
    }
    this.#isLooking = this.#cases.length > 0;
    if (this.#isLooking) this.#world.after(LOOK_MS, () => this.#look());
  }
}
