import type { Ports, Timer } from "../core/ports.ts";

/** Something that wants to be looked at once a turn. */
export interface Beating {
  beat(): void;
}

/** Spokes of the wheel: the resolution of a beat, and the share of all connections that beat in one go. */
const SPOKES = 25;

/**
 * One timer for the heartbeats of all connections. Each is put on a random spoke, so beats are spread over the whole
 * interval, also after thousands reconnected in one second. Adding, removing and beating take constant time each.
 */
export class HeartbeatWheel {
  readonly #spokes: Set<Beating>[] = Array.from({ length: SPOKES }, () => new Set());
  readonly #ports: Ports;
  readonly #stepMs: number;
  #current = 0;
  #size = 0;
  #timer: Timer | null = null;

  constructor(ports: Ports, intervalMs: number) {
    this.#ports = ports;
    this.#stepMs = intervalMs / SPOKES;
  }

  /** Gauge: how many beat. */
  get size(): number {
    return this.#size;
  }

  /**
   * Beats once an interval from now on, the first time after a random part of it. Returns the spoke, for {@link remove}:
   * a number costs a connection less than a function.
   */
  add(beating: Beating): number {
    const spoke = Math.floor(this.#ports.random() * SPOKES);
    this.#spokes[spoke]!.add(beating);
    this.#size++;
    this.#turn();
    return spoke;
  }

  /** Ends the beats of what was added to a spoke. Harmless when repeated. */
  remove(beating: Beating, spoke: number): void {
    if (this.#spokes[spoke]?.delete(beating) !== true) return;
    this.#size--;
    if (this.#size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #turn(): void {
    this.#timer ??= this.#ports.after(this.#stepMs, () => {
      this.#timer = null;
      this.#current = (this.#current + 1) % SPOKES;
      // Beats may remove themselves and others, which a Set's iteration allows.
      for (const beating of this.#spokes[this.#current]!) beating.beat();
      if (this.#size > 0) this.#turn();
    });
  }
}
