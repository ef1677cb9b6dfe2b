/** The heartbeats of a session: how many went out, the reply to a resume being one, and how many were answered. */
export interface Beats {
  readonly sent: number;
  readonly answered: number;
}

/** For how long a hold lasts once its sender has read of the failure and sends other publishes all the same. */
const HOLD_MS = 10_000;
/** It ends when so long nothing was refused: not in the middle of publishes that were sent together. */
const PAUSE_MS = 1_000;
/** A sender without pauses is held back no longer than this. */
const HOLD_MAX_MS = 30_000;

/** Work of a lane: calls `release` once, when the next may start. */
export type LaneTask = (release: () => void) => void;

/**
 * The commands of one session on one channel, one after the other: a subscribe that waits for its authorization holds
 * back the unsubscribe behind it, and publishes keep their order through asynchronous validation.
 */
export class Lane {
  #channel: string;
  readonly #beats: Beats;
  /** Null while nothing waits. */
  #waiting: LaneTask[] | null = null;
  #isBusy = false;
  /** The publish that failed in a way that invites a repetition; others wait for it (P2). */
  #heldBy: string | null = null;
  /** Heartbeats that had gone out when it failed. */
  #heldAt = 0;
  /** Since when its sender knows of the failure; null: it need not know yet. */
  #knownAt: number | null = null;
  /** When another was last refused for its sake. */
  #refusedAt = -Infinity;

  constructor(channel: string, beats: Beats) {
    this.#channel = channel;
    this.#beats = beats;
  }

  get channel(): string {
    return this.#channel;
  }

  /** True when nothing would be lost by forgetting the lane. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#heldBy === null;
  }

  /** True while publishes wait for one that failed. */
  get isHolding(): boolean {
    return this.#heldBy !== null;
  }

  /** Makes an idle lane that of another channel: a sender that goes round many should not cost a lane each time. */
  reuse(channel: string): void {
    this.#channel = channel;
    this.#refusedAt = -Infinity;
  }

  /** Runs the task now, or after those before it. */
  run(task: LaneTask): void {
    if (!this.#isBusy) return this.#start(task);
    this.#waiting ??= [];
    this.#waiting.push(task);
  }

  /** Holds publishes back for the one that failed, until it is sent again or was given up. */
  hold(id: string): void {
    // Those that are refused for its sake must not keep up the hold of one that was given up.
    if (this.#heldBy !== null) return;
    this.#heldBy = id;
    this.#heldAt = this.#beats.sent;
    this.#knownAt = null;
  }

  /**
   * True when a publish must be refused because another has to come first. That one itself ends the hold: what comes
   * behind it can follow without waiting for its result, and fails with it if it fails again.
   *
   * A sender that never comes back for it must not be stuck for ever, and one that is slow to read must not be taken for
   * such a sender: only the answer to a heartbeat that went out behind the failure shows that the failure was read. Nor may
   * the hold end between two publishes that were sent together: the one would be refused for the sake of what is given up,
   * and the other overtake it.
   */
  isHeldFor(id: string, nowMs: number): boolean {
    if (this.#heldBy === null) return false;
    if (this.#beats.answered > this.#heldAt) this.#knownAt ??= nowMs;
    if (this.#heldBy === id || this.#isOver(nowMs)) {
      this.#heldBy = null;
      return false;
    }
    this.#refusedAt = nowMs;
    return true;
  }

  #isOver(nowMs: number): boolean {
    if (this.#knownAt === null) return false;
    const sinceMs = nowMs - this.#knownAt;
    return sinceMs >= HOLD_MAX_MS || (sinceMs >= HOLD_MS && nowMs - this.#refusedAt >= PAUSE_MS);
  }

  #start(task: LaneTask): void {
    this.#isBusy = true;
    let isReleased = false;
    task(() => {
      if (isReleased) return;
      isReleased = true;
      const next = this.#waiting?.shift();
      if (next !== undefined) return this.#start(next);
      this.#isBusy = false;
      this.#waiting = null;
    });
  }
}
