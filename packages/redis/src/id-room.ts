import type { Ports } from "@carillon/server/backplane";
import { Deadlines } from "./deadlines.ts";

/**
 * How many publication ids this node has had remembered within the window. The bound holds for each node: Redis forgets
 * by time, and refuses new ids itself (`OOM`) when its memory is used up.
 */
export class IdRoom {
  readonly #ports: Ports;
  readonly #windowMs: number;
  readonly #max: number;
  readonly #remembered = new Deadlines();
  #asked = 0;

  constructor(ports: Ports, bounds: { readonly windowMs: number; readonly entries: number }) {
    this.#ports = ports;
    this.#windowMs = bounds.windowMs;
    this.#max = bounds.entries;
  }

  /** Takes room for one id; false if there is none. What is taken has to be given back by {@link IdRoom.settle}. */
  take(): boolean {
    this.#remembered.expire(this.#ports.monotonicMs());
    if (this.#remembered.size + this.#asked >= this.#max) return false;
    this.#asked++;
    return true;
  }

  /** The append was answered: its id is remembered now, or its room is free again. */
  settle(isRemembered: boolean): void {
    this.#asked--;
    if (isRemembered) this.#remembered.add(this.#ports.monotonicMs() + this.#windowMs);
  }
}
