import { decodeBinary, decodeText, type Decoded } from "@carillon/protocol";
import type { Limits } from "../core/limits.ts";
import type { Ports, Timer } from "../core/ports.ts";
import { TokenBucket } from "../policy/rate-limit.ts";
import type { Connection } from "./connection.ts";

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
  readonly #queue: { readonly message: Decoded; readonly isAlone: boolean }[] = [];
  readonly #connection: Connection;
  readonly #owner: InboxOwner;
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #rate: TokenBucket;
  #timer: Timer | null = null;
  #isPaused = false;
  #isPumping = false;
  #isClosed = false;

  constructor(connection: Connection, owner: InboxOwner, ports: Ports, limits: Limits) {
    this.#connection = connection;
    this.#owner = owner;
    this.#ports = ports;
    this.#limits = limits;
    this.#rate = new TokenBucket(ports, { perSecond: limits.commandsPerSecond, burst: limits.commandsBurst });
  }

  /** A text frame came. */
  text(payload: string): void {
    this.#add(() => decodeText(payload, this.#limits.messagesPerFrame));
  }

  /** A binary frame came. */
  binary(payload: Uint8Array): void {
    this.#add(() => decodeBinary(payload, this.#limits.messagesPerFrame));
  }

  /** Hands over what may be handed over, and reads on or stops reading accordingly. */
  pump(): void {
    // Taking a message can make the owner ready again, and so call back: the loop that runs goes on by itself.
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    while (this.#queue.length > 0 && this.#owner.isReady && this.#hasToken()) {
      const { message, isAlone } = this.#queue.shift()!;
      this.#owner.take(message, isAlone);
    }
    this.#isPumping = false;
    const mustPause = this.#queue.length > 0 || !this.#owner.isReady;
    if (mustPause === this.#isPaused || this.#isClosed) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#connection.pause();
    else this.#connection.resume();
  }

  /** Forgets what waits. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #add(decode: () => Decoded[]): void {
    if (this.#isClosed) return;
    try {
      const messages = decode();
      for (const message of messages) this.#queue.push({ message, isAlone: messages.length === 1 });
    } catch (error) {
      return this.#owner.undecodable(error instanceof Error ? error.message : "The frame can't be decoded.");
    }
    this.pump();
  }

  #hasToken(): boolean {
    const waitMs = this.#rate.take();
    if (waitMs === 0) return true;
    this.#timer ??= this.#ports.after(waitMs, () => {
      this.#timer = null;
      this.pump();
    });
    return false;
  }
}
