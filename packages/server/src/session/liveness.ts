import type { Ports } from "../core/ports.ts";
import type { Connection } from "./connection.ts";

/** Times that a {@link Liveness} goes by; see `Limits`. */
export interface LivenessBounds {
  readonly heartbeatMs: number;
  readonly stallTimeoutMs: number;
}

/** What a beat finds out. */
export type Pulse = "alive" | "heartbeat_missed" | "slow";

/**
 * Tells a slow peer from a dead one. Signs of life are anything that came from the peer, and any byte that it took. A
 * reader that drains a full outbox at a kilobyte a second is alive; one that takes nothing for a bounded time, though
 * bytes wait for it, is closed as slow, even if it keeps talking.
 */
export class Liveness {
  readonly #ports: Ports;
  readonly #connection: Connection;
  readonly #bounds: LivenessBounds;
  #heardAt: number;
  #takenAt: number;
  #taken: number;

  /** `nowMs` is for who has just read the monotonic clock. */
  constructor(ports: Ports, connection: Connection, bounds: LivenessBounds, nowMs: number = ports.monotonicMs()) {
    this.#ports = ports;
    this.#connection = connection;
    this.#bounds = bounds;
    this.#heardAt = nowMs;
    this.#takenAt = nowMs;
    this.#taken = connection.takenBytes;
  }

  /**
   * Something came from the peer. Returns the monotonic time, for what else looks at it: reading the clock costs as much as
   * taking a short command apart. Null: it comes after a silence that ends a connection, and must not be acted on. The peer
   * has gone elsewhere by then and may have asked for the same again there; what it sent here before can come late when this
   * server stood still, or when the network did. Stores protect publications by their ids, and entries by the order of
   * sessions, as far as they remember the last change; calls are the application's and have neither: whoever made one has been
   * told that it is uncertain, and may have made another since.
   */
  heard(): number | null {
    const now = this.#ports.monotonicMs();
    if (this.#isSilent(now)) return null;
    this.#heardAt = now;
    return now;
  }

  /**
   * Looks at the connection. `isPaused`: nothing is read from it now, so that silence proves nothing. Nor does it after
   * that at once: a reader that has just woken was sent no heartbeat while its outbox was full, and owes no answer.
   */
  beat(isPaused: boolean): Pulse {
    const now = this.#ports.monotonicMs();
    const taken = this.#connection.takenBytes;
    if (taken !== this.#taken || this.#connection.queuedBytes === 0) this.#takenAt = now;
    // Bytes that the system took into its own buffers prove nothing about the peer; only progress of a queue does.
    if (isPaused || (taken !== this.#taken && this.#connection.queuedBytes > 0)) this.#heardAt = now;
    this.#taken = taken;
    if (now - this.#takenAt > this.#bounds.stallTimeoutMs) return "slow";
    return this.#isSilent(now) ? "heartbeat_missed" : "alive";
  }

  /** Half an interval more than the beat, so that one late answer does not cut a connection. */
  #isSilent(now: number): boolean {
    return now - this.#heardAt > this.#bounds.heartbeatMs * 1.5;
  }
}
