import type { Ports } from "@carillon/server/backplane";
import { Trouble } from "./store-error.ts";
import type { Stream } from "./stream.ts";

/**
 * The identity of the store: drawn by the first node that opens it, and kept in it. It stands for the memory of
 * publication ids; a store that was emptied gets another, so that no client repeats what can't be checked.
 */
export class Identity {
  readonly #stream: Stream;
  readonly #subject: string;
  readonly #ports: Ports;
  #epoch = "";

  constructor(stream: Stream, subject: string, ports: Ports) {
    this.#stream = stream;
    this.#subject = subject;
    this.#ports = ports;
  }

  /** The epoch of publication ids. */
  get epoch(): string {
    return this.#epoch;
  }

  /** Reads it, or draws it. Rejects with a {@link Trouble}. */
  async load(): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt++) {
      const kept = await this.#stream.getByApi({ last_by_subj: this.#subject });
      if (kept !== null) {
        this.#epoch = Buffer.from(kept.data).toString();
        return;
      }
      const epoch = this.#ports.id();
      const published = await this.#stream.publish(this.#subject, epoch, 0);
      if (published.ok) {
        this.#epoch = epoch;
        return;
      }
    }
    throw new Trouble("unavailable", "NATS does not keep the identity of the store.");
  }
}
