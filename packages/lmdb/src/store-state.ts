import type { ByteWriter } from "./bytes.ts";
import type { Write } from "./environment.ts";
import { encodeStoreHead, type StoreHead } from "./head-codec.ts";
import { STORE_KEY } from "./layout.ts";
import type { Head, WriteQueue } from "./write-queue.ts";

/** The head of the store, and the counters in it. */
export class StoreState implements Head {
  #durable: StoreHead;
  #ahead: StoreHead;
  readonly #sealed: StoreHead[] = [];
  readonly #queue: WriteQueue;
  readonly #writer: ByteWriter;

  constructor(head: StoreHead, queue: WriteQueue, writer: ByteWriter) {
    this.#durable = head;
    this.#ahead = head;
    this.#queue = queue;
    this.#writer = writer;
  }

  /** Which start of the server this is. */
  get boot(): number {
    return this.#durable.boot;
  }

  /** Identity of the memory of publication ids. */
  get idsEpoch(): string {
    return this.#durable.idsEpoch;
  }

  /** What the epochs of unwritten channels are derived from. */
  get secret(): string {
    return this.#durable.secret;
  }

  /** How many credentials the store holds. */
  get credentials(): number {
    return this.#ahead.credentials;
  }

  /** Counts credentials that were put, or taken away. */
  countCredentials(change: number): void {
    this.#advance({ ...this.#ahead, credentials: Math.max(0, this.#ahead.credentials + change) });
  }

  /** A number that no life of any channel has had. */
  nextNumber(): number {
    const numbers = this.#ahead.numbers + 1;
    this.#advance({ ...this.#ahead, numbers });
    return numbers;
  }

  seal(): readonly Write[] {
    this.#sealed.push(this.#ahead);
    return [{ key: STORE_KEY, value: encodeStoreHead(this.#writer, this.#ahead) }];
  }

  stored(): void {
    this.#durable = this.#sealed.shift() ?? this.#durable;
  }

  dropped(): void {
    this.#sealed.length = 0;
    this.#ahead = this.#durable;
  }

  #advance(head: StoreHead): void {
    this.#ahead = head;
    this.#queue.touch(this);
  }
}
