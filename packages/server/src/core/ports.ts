/**
 * What the synchronous core needs from the world. The core reads no clock, sets no timer and draws no random number
 * by itself, so that a simulator can run whole clusters in one process, on a virtual clock, from one seed.
 */

/** A pending timer. */
export interface Timer {
  /** Forgets the timer. Harmless after it fired, and when repeated. */
  cancel(): void;
}

/** The world, as the core sees it. */
export interface Ports {
  /** Milliseconds of a clock that never jumps; its zero means nothing. For durations. */
  readonly monotonicMs: () => number;
  /** Milliseconds since 1970; may jump. For time stamps that leave the process, never for durations. */
  readonly wallMs: () => number;
  /** Runs `callback` once, `delayMs` or more from now, never before this call has returned. */
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** Runs `callback` once, after the events that are already waiting in this turn of the event loop. */
  readonly endOfTick: (callback: () => void) => void;
  /** A number in [0, 1), for jitter. Not for secrets. */
  readonly random: () => number;
  /** A fresh id: 128 random bits from a source fit for secrets, 22 characters of base64url. */
  readonly id: () => string;
  /** 64 bits of a collision-resistant hash, as 11 characters of base64url. The same data gives the same hash anywhere. */
  readonly hash: (data: string | Uint8Array) => string;
  /** The same with 256 bits, as 43 characters: for what nobody must be able to guess or to find a second text for. */
  readonly digest: (data: string) => string;
}
