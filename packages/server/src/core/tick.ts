import type { Ports } from "./ports.ts";

/** What happens at the end of a tick. */
export interface TickUser {
  /** How much has come in since the last tick ended. */
  readonly waiting: () => number;
  /** Works it off. True: something is left, or new, and wants another tick. */
  readonly end: () => boolean;
}

/** The share of what the last end of a tick took, by which a tick goes on while a burst is still coming in. */
const BURST_SHARE = 1 / 8;
/** Ends that take longer are not waited for: by then batches are large, and latency is what is left to save. */
const DEAR_END_MS = 25;
/** A busy tick goes on for as many times what the last end took. */
const BUSY_FACTOR = 2;
/** And for no longer than this: a thousand writes on a slow machine take 12 ms, and nobody should wait three times that. */
const BUSY_MAX_MS = 15;
/** A busy tick ends earlier when this long nothing more came. */
const QUIET_MS = 2;
/** What came in during an end is a stream, not a straggler, from here on. */
const STREAM_MIN = 2;

/**
 * One tick: everything that arrives in one turn of the event loop, worked off together at its end. Where ends are dear,
 * because many are written to, a tick may go on for more turns, for these two reasons; at rest it never does.
 *
 * A burst: what a client sends at once may come in parts, and to fan out a part by itself costs as much as to fan out
 * the whole. So a tick gets another turn as long as each turn brings more, and the wait is short beside the end.
 *
 * A stream: when publications come in while the last ones are being fanned out, the server could spend all its time
 * writing one message to each. Ends are spaced then: a third of the time goes to them, or somewhat more where they are long, and each carries more.
 */
export class Tick {
  readonly #ports: Pick<Ports, "after" | "endOfTick" | "monotonicMs">;
  readonly #user: TickUser;
  #isScheduled = false;
  /** True in the turn that follows an end: what comes now came during it. */
  #isJustOver = false;
  /** This tick is part of a stream. */
  #isBusy = false;
  #lastEndMs = 0;
  #seen = 0;
  #sinceMs = 0;
  #newsMs = 0;

  constructor(ports: Pick<Ports, "after" | "endOfTick" | "monotonicMs">, user: TickUser) {
    this.#ports = ports;
    this.#user = user;
  }

  /** How long the last end took, in whole milliseconds. */
  get lastEndMs(): number {
    return this.#lastEndMs;
  }

  /** Has the tick end; harmless when it is going to already. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#seen = 0;
    this.#isBusy = this.#isJustOver;
    this.#sinceMs = this.#ports.monotonicMs();
    this.#ports.endOfTick(this.#turn);
  }

  readonly #turn = (): void => {
    const waiting = this.#user.waiting();
    const now = this.#ports.monotonicMs();
    const hasNews = waiting > this.#seen;
    if (hasNews) this.#newsMs = now;
    if (this.#seen === 0 && waiting < STREAM_MIN) this.#isBusy = false;
    this.#seen = waiting;
    if (this.#goesOn(now)) this.#ports.after(1, this.#turn);
    else if (hasNews && now - this.#sinceMs < this.#lastEndMs * BURST_SHARE) this.#ports.endOfTick(this.#turn);
    else this.#end(now);
  };

  #goesOn(now: number): boolean {
    const endMs = this.#lastEndMs;
    if (!this.#isBusy || endMs > DEAR_END_MS) return false;
    return now - this.#sinceMs < Math.min(endMs * BUSY_FACTOR, BUSY_MAX_MS) && now - this.#newsMs < QUIET_MS;
  }

  #end(now: number): void {
    // Still scheduled: what the end itself brings about, it also works off, or says that it has not.
    let hasMore: boolean;
    try {
      hasMore = this.#user.end();
    } finally {
      this.#isScheduled = false;
    }
    this.#lastEndMs = this.#ports.monotonicMs() - now;
    if (this.#lastEndMs > 0 && !this.#isJustOver) {
      this.#isJustOver = true;
      this.#ports.endOfTick(this.#isOver);
    }
    if (hasMore) this.schedule();
  }

  readonly #isOver = (): void => {
    this.#isJustOver = false;
  };
}
