import type { ApplyRequest } from "../backplane/channel-store.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Ports, Timer } from "../core/ports.ts";
import type { OpenSession } from "./host.ts";

/** What restoring needs of its node. */
export interface RestorationContext {
  readonly ports: Ports;
  readonly metrics: Metrics;
  readonly sessions: () => readonly OpenSession[];
  readonly apply: (request: ApplyRequest) => void;
}

/** Entries on their way at once: publishes must not have to wait behind thousands of them. */
const UNDER_WAY_MAX = 512;
/** How long to wait before the store is asked again. */
const RETRY_MS = 500;

/**
 * Sets again what living sessions own, after the store or other nodes have ended it: session by session, few at a time,
 * each channel's entries in the order in which they were set. To do it twice changes nothing.
 */
export class Restoration {
  readonly #context: RestorationContext;
  /** Sessions with something to set again. */
  readonly #waiting = new Set<OpenSession>();
  #underWay = 0;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(context: RestorationContext) {
    this.#context = context;
  }

  /** What sessions own in these channels, or everywhere, may have ended. */
  ownershipLost(channels: readonly string[] | null): void {
    const names = channels === null ? null : new Set(channels);
    for (const session of this.#context.sessions()) if (session.ownershipLost(names)) this.#waiting.add(session);
    this.#pump();
  }

  /** A session has something to set again, now that a change of its client is through. */
  restorable(session: OpenSession): void {
    if (session.hasLostEntries) this.#waiting.add(session);
    this.#pump();
  }

  /** A session has ended: nothing of it is set any more. */
  ended(session: OpenSession): void {
    this.#waiting.delete(session);
  }

  /** Stops. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #pump(): void {
    if (this.#timer !== null || this.#isClosed) return;
    for (const session of this.#waiting) {
      if (this.#underWay >= UNDER_WAY_MAX) return;
      this.#waiting.delete(session);
      for (const request of session.restorations()) this.#apply(session, request);
    }
  }

  #apply(session: OpenSession, request: ApplyRequest): void {
    this.#underWay++;
    this.#context.apply({
      ...request,
      done: (result) => {
        request.done(result);
        this.#underWay--;
        if (result.ok) this.#context.metrics.restored++;
        if (this.#isClosed) return;
        // Whatever could not be set for now is still marked as lost, and comes with the session's next turn.
        if (!result.ok && session.hasLostEntries) {
          this.#waiting.add(session);
          this.#pause();
        }
        this.#pump();
      },
    });
  }

  #pause(): void {
    this.#timer ??= this.#context.ports.after(RETRY_MS, () => {
      this.#timer = null;
      this.#pump();
    });
  }
}
