/** Work of a lane: calls `release` once, when the next may start. */
export type LaneTask = (release: () => void) => void;

/**
 * The commands of one session on one channel, one after the other: a subscribe that waits for its authorization holds
 * back the unsubscribe behind it, and publishes keep their order through asynchronous validation.
 */
export class Lane {
  readonly #waiting: LaneTask[] = [];
  #isBusy = false;
  #heldUntil = 0;
  /** The publish that failed in a way that invites a repetition; others wait for it (P2). */
  #heldBy: string | null = null;

  /** True when nothing would be lost by forgetting the lane. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#heldBy === null;
  }

  /** Runs the task now, or after those before it. */
  run(task: LaneTask): void {
    if (this.#isBusy) this.#waiting.push(task);
    else this.#start(task);
  }

  /** Holds publishes back for the one that failed, until it is sent again or nobody has come back for it. */
  hold(id: string, untilMs: number): void {
    // Those that are refused for its sake must not keep up the hold of one that was given up.
    if (this.#heldBy !== null) return;
    this.#heldBy = id;
    this.#heldUntil = untilMs;
  }

  /**
   * True when a publish must be refused because another has to come first. That one itself ends the hold: what comes
   * behind it can follow without waiting for its result, and fails with it if it fails again.
   */
  isHeldFor(id: string, nowMs: number): boolean {
    if (this.#heldBy === id || nowMs >= this.#heldUntil) this.#heldBy = null;
    return this.#heldBy !== null;
  }

  #start(task: LaneTask): void {
    this.#isBusy = true;
    let isReleased = false;
    task(() => {
      if (isReleased) return;
      isReleased = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#isBusy = false;
      else this.#start(next);
    });
  }
}
