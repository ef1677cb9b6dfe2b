import { RETRYABLE_CODES } from "@carillon/protocol";
import type { ApplyRequest } from "../backplane/channel-store.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Ports, Timer } from "../core/ports.ts";
import type { Target } from "../policy/target.ts";

/** What a session held for its instance when it ended. */
export interface Holding {
  readonly instance: string;
  /** The session, as stores know it: what a later one of the instance has taken over is left alone. */
  readonly holder: string;
  readonly targets: readonly Target[];
}

/** What the graces need of their node. */
export interface GracesContext {
  readonly ports: Ports;
  readonly metrics: Metrics;
  readonly apply: (request: ApplyRequest) => void;
}

interface Grace {
  readonly timer: Timer;
  readonly end: () => void;
}

/** How long to wait before the store is asked again to release entries. */
const RETRY_MS = 1_000;

/** The ends of entries whose sessions have ended: at once, or after a time in which their instance may come back. */
export class Graces {
  readonly #graces = new Map<string, Set<Grace>>();
  readonly #context: GracesContext;

  constructor(context: GracesContext) {
    this.#context = context;
  }

  /** Ends the entries of a holding after a delay. */
  hold(holding: Holding, delayMs: number): void {
    const { instance } = holding;
    const graces = this.#graces.get(instance) ?? new Set<Grace>();
    const end = (): void => {
      grace.timer.cancel();
      graces.delete(grace);
      if (graces.size === 0) this.#graces.delete(instance);
      this.#context.metrics.graces--;
      this.release(holding);
    };
    const grace: Grace = { timer: this.#context.ports.after(delayMs, end), end };
    graces.add(grace);
    this.#graces.set(instance, graces);
    this.#context.metrics.graces++;
  }

  /** Ends the entries of a holding; again if the store can't do it now, or nobody would end them ever. */
  release({ instance, holder, targets }: Holding): void {
    for (const target of targets) {
      const { name: channel, options } = target;
      const change = { op: "release", instance, holder } as const;
      this.#context.apply({
        channel,
        options,
        change,
        done: (result) => {
          if (result.ok || !RETRYABLE_CODES.includes(result.code)) return;
          this.hold({ instance, holder, targets: [target] }, RETRY_MS);
        },
      });
    }
  }

  /** The instance has left for good: what earlier sessions of its left behind ends now. */
  endAll(instance: string): void {
    for (const grace of this.#graces.get(instance) ?? []) grace.end();
  }

  /** Forgets everything; no entry ends by this. */
  close(): void {
    for (const graces of this.#graces.values()) for (const { timer } of graces) timer.cancel();
    this.#graces.clear();
    this.#context.metrics.graces = 0;
  }
}
