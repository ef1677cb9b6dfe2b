import type { Ports } from "./ports.ts";

/** What happens at the end of a tick. */
export interface TickUser {
  /** How much has come in since the last tick ended. */
  readonly waiting: () => number;
  /** Works it off. */
  readonly end: () => void;
}

/** The share of what the last end of a tick took, by which this tick may be prolonged while more comes in. */
const PROLONG_SHARE = 1 / 8;

/**
 * One tick: everything that arrives in one turn of the event loop, worked off together at its end.
 *
 * What a client sends at once may come in parts, and to fan out a part by itself costs as much as to fan out the whole.
 * So a tick gets another turn as long as each turn brings more, and the wait is short beside what the last end took. At
 * rest, where ends are short, there is no wait; where nothing more comes, it is one empty turn of the loop.
 */
export class Tick {
  readonly #ports: Pick<Ports, "endOfTick" | "monotonicMs">;
  readonly #user: TickUser;
  #isScheduled = false;
  #lastEndMs = 0;
  #seen = 0;
  #sinceMs = 0;

  constructor(ports: Pick<Ports, "endOfTick" | "monotonicMs">, user: TickUser) {
    this.#ports = ports;
    this.#user = user;
  }

  /** Has the tick end; harmless when it is going to already. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#seen = 0;
    this.#sinceMs = this.#ports.monotonicMs();
    this.#ports.endOfTick(this.#turn);
  }

  readonly #turn = (): void => {
    const waiting = this.#user.waiting();
    const now = this.#ports.monotonicMs();
    if (waiting > this.#seen && now - this.#sinceMs < this.#lastEndMs * PROLONG_SHARE) {
      this.#seen = waiting;
      this.#ports.endOfTick(this.#turn);
      return;
    }
    this.#isScheduled = false;
    this.#user.end();
    this.#lastEndMs = this.#ports.monotonicMs() - now;
  };
}
