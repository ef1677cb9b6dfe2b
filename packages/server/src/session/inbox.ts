import { decodeBinary, decodeText, type Decoded } from "@carillon/protocol";
import type { Timer } from "../core/ports.ts";
import { TokenBucket } from "../policy/rate-limit.ts";
import type { Connection } from "./connection.ts";
import type { SessionHost } from "./host.ts";

/** Stands for a frame in which no message was. */
const NOTHING: Decoded = { head: null, body: new Uint8Array(0) };

/** Who takes the messages of an inbox. */
export interface InboxOwner {
  /** True while another message may be taken. When that changes to true, call `pump`. */
  readonly isReady: boolean;
  /** Takes one message. `isAlone`: nothing else stood in its frame. */
  take(message: Decoded, isAlone: boolean): void;
  /** A frame was not decodable. */
  undecodable(problem: string): void;
}

/**
 * What came from a peer and is not yet taken. A peer that sends faster than its rate, or than its answers are taken,
 * is not refused but no longer read from: its own sends then wait, in order, and nothing is lost. What a single read of
 * the socket brought beyond that waits here, so the queue is bounded by a read and a frame.
 */
export class Inbox {
  /** Null while nothing waits. */
  #queue: { readonly message: Decoded; readonly isAlone: boolean }[] | null = null;
  readonly #connection: Connection;
  readonly #owner: InboxOwner;
  readonly #host: SessionHost;
  readonly #rate: TokenBucket;
  #timer: Timer | null = null;
  #isPaused = false;
  #isTaking = false;
  #isClosed = false;

  constructor(connection: Connection, owner: InboxOwner, host: SessionHost, nowMs: number) {
    this.#connection = connection;
    this.#owner = owner;
    this.#host = host;
    this.#rate = new TokenBucket(host.ports, host.commandRate, nowMs);
  }

  /** A frame came: text, or bytes; at a time of the monotonic clock. */
  add(payload: string | Uint8Array, nowMs: number): void {
    if (this.#isClosed) return;
    const { messagesPerFrame } = this.#host.limits;
    let messages: readonly Decoded[];
    try {
      messages =
        typeof payload === "string" ? decodeText(payload, messagesPerFrame) : decodeBinary(payload, messagesPerFrame);
    } catch (error) {
      return this.#owner.undecodable(error instanceof Error ? error.message : "The frame can't be decoded.");
    }
    const isAlone = messages.length === 1;
    // A frame without a message counts as one, or a flood of them would cost its sender nothing.
    for (const message of messages.length === 0 ? [NOTHING] : messages) {
      // Nearly always nothing waits, and a message need not either.
      if (this.#queue === null && this.#mayTake(nowMs)) this.#take(message, isAlone);
      else {
        this.#queue ??= [];
        this.#queue.push({ message, isAlone });
      }
    }
    this.pump();
  }

  /** Hands over what may be handed over, and reads on or stops reading accordingly. */
  pump(): void {
    // Taking a message can make the owner ready again, and so call back: the loop that runs goes on by itself.
    if (this.#isTaking || this.#isClosed) return;
    while (this.#queue !== null && this.#mayTake(this.#host.ports.monotonicMs())) {
      const next = this.#queue.shift();
      if (this.#queue.length === 0) this.#queue = null;
      if (next !== undefined) this.#take(next.message, next.isAlone);
    }
    const mustPause = this.#queue !== null || !this.#owner.isReady;
    if (mustPause === this.#isPaused || this.#isClosed) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#connection.pause();
    else this.#connection.resume();
  }

  /** Forgets what waits. */
  close(): void {
    this.#isClosed = true;
    this.#queue = null;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #take(message: Decoded, isAlone: boolean): void {
    if (message === NOTHING) return;
    this.#isTaking = true;
    this.#owner.take(message, isAlone);
    this.#isTaking = false;
  }

  #mayTake(nowMs: number): boolean {
    return !this.#isTaking && !this.#isClosed && this.#owner.isReady && this.#hasToken(nowMs);
  }

  #hasToken(nowMs: number): boolean {
    const waitMs = this.#rate.take(nowMs);
    if (waitMs === 0) return true;
    this.#timer ??= this.#host.ports.after(waitMs, () => {
      this.#timer = null;
      this.pump();
    });
    return false;
  }
}
