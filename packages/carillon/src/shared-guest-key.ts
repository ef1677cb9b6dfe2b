import { CarillonError } from "@carillon/protocol";
import type { Logger } from "@carillon/server";
import { randomBytes } from "node:crypto";
import { keyOf, textOf } from "./guest-key.ts";

/** Between looks whether the store still has the key, in milliseconds. */
const LOOK_INTERVAL_MS = 5_000;

/** Where servers that share a store keep what they share. */
export interface SharedKeyHost {
  /** The stored key; null: there is none. */
  read(): Promise<string | null>;
  /** Stores a key if there is none. Rejects with `conflict` if there is. */
  create(key: string): Promise<unknown>;
  readonly logger: Logger;
}

/**
 * The key that signs the cookies of guests, one for all servers on a store: whichever is first makes it, and the others
 * take what is there. If the store forgets it, those that still know it put it back, so that guests stay who they are.
 */
export class SharedGuestKey {
  readonly #host: SharedKeyHost;
  #key: Uint8Array = randomBytes(32);
  #timer: NodeJS.Timeout | null = null;

  constructor(host: SharedKeyHost) {
    this.#host = host;
  }

  /** The key now. */
  get key(): Uint8Array {
    return this.#key;
  }

  /** Takes the key from the store, or makes it, and sees to it from now on. Rejects when the store can't be read. */
  async open(): Promise<void> {
    await this.#agree();
    this.#timer = setInterval(() => void this.look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Puts the key back if it is gone, and takes another's if there is one. What can't be done now is done next time. */
  async look(): Promise<void> {
    const before = this.#key;
    // The store can't be reached, or the server is closing.
    await this.#agree().catch(() => {});
    if (before === this.#key) return;
    this.#host.logger.warn("The store has another key for the cookies of guests: some guests will be new guests.");
  }

  /** Looks no more. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #agree(): Promise<void> {
    const stored = await this.#host.read();
    if (stored !== null) return this.#take(stored);
    try {
      await this.#host.create(textOf(this.#key));
    } catch (error) {
      if (!(error instanceof CarillonError) || error.code !== "conflict") throw error;
      // Another server was first.
      this.#take((await this.#host.read()) ?? "");
    }
  }

  #take(text: string): void {
    if (text !== textOf(this.#key)) this.#key = keyOf(text) ?? this.#key;
  }
}
