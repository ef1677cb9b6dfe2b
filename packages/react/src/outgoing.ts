/**
 * Own publications of one channel that did not come back yet: shown at once, at the end of the list, until the stored
 * one takes their place.
 */
import { CarillonError, type AnyChannel, type Published, type PublishOptions } from "@carillon/client";
import type { Publisher } from "@carillon/protocol";
import type { PublicationItem } from "./face.ts";
import { noClient } from "./shared.ts";

/** Most publications shown; the oldest that failed goes first. The client's own queue takes as many. */
const SHOWN_MAX = 1000;

/** One publication on its way. */
export interface Sending {
  readonly data: unknown;
  readonly options: PublishOptions;
  /** Gives it up, as long as it was not sent. */
  controller: AbortController;
  row: PublicationItem;
}

/** What happens to publications. */
export interface OutgoingHost {
  /** The channel, or null without a client. */
  readonly channel: AnyChannel | null;
  /** Something changed that components see. */
  changed(): void;
  /** A publication is stored that was sent under that life; its echo did not come yet, and may never come. */
  stored(life: number): void;
  /** Names the subscription that stands: another one may start behind the publication and never show it. */
  readonly life: number;
  /** Who publishes, as far as that is known. */
  readonly publisher: Publisher | undefined;
}

/** Own publications that did not come back yet. */
export class Outgoing {
  readonly #host: OutgoingHost;
  readonly #sendings = new Map<string, Sending>();
  /** Makes ids unique within this object; chance does the rest. */
  readonly #prefix = `${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2, 6)}`;
  #ids = 0;

  constructor(host: OutgoingHost) {
    this.#host = host;
  }

  /** The rows, in the order of publishing. */
  rows(): readonly PublicationItem[] {
    return [...this.#sendings.values()].map(({ row }) => row);
  }

  /** Publishes and shows it. */
  publish(data: unknown, options: PublishOptions): Promise<Published> {
    const { id = `${this.#prefix}.${(this.#ids++).toString(36)}`, tags = {}, meta = {}, signal } = options;
    const row: PublicationItem = {
      type: "publication",
      key: id,
      id,
      data,
      at: Date.now(),
      publisher: this.#host.publisher,
      tags,
      meta,
      isOwn: true,
      amendedAt: null,
      status: "sending",
      error: null,
      retry: () => this.#retry(id),
      discard: () => this.#discard(id),
    };
    const sending = { data, options: { ...options, id }, controller: new AbortController(), row };
    signal?.addEventListener("abort", () => sending.controller.abort());
    if (signal?.aborted) sending.controller.abort();
    // Published twice under one id, it is shown once.
    if (!this.#sendings.has(id)) this.#sendings.set(id, sending);
    this.#bound();
    return this.#send(sending);
  }

  /** True while the publication is shown. */
  has(sending: Sending): boolean {
    return this.#sendings.get(sending.row.id) === sending;
  }

  /** The stored one is here: what stood for it goes. */
  take(id: string): void {
    if (this.#sendings.delete(id)) this.#host.changed();
  }

  /** Takes away and returns what the server has stored. */
  takeSent(): readonly PublicationItem[] {
    const rows = this.rows().filter(({ status }) => status === "sent");
    for (const { id } of rows) this.#sendings.delete(id);
    return rows;
  }

  /** Changes how a publication is shown. */
  show(sending: Sending, change: Partial<PublicationItem>): void {
    sending.row = { ...sending.row, ...change };
    this.#host.changed();
  }

  #send(sending: Sending): Promise<Published> {
    const { channel, life } = this.#host;
    this.#host.changed();
    const { data, options, controller } = sending;
    const promise = channel
      ? channel.publish(data, { ...options, signal: controller.signal })
      : Promise.reject<Published>(noClient());
    // Both outcomes are seen to here, so who does not await the promise gets no unhandled rejection.
    promise.then(
      (published) => this.#stored(sending, published, life),
      (cause: unknown) => this.#failed(sending, errorOf(cause)),
    );
    return promise;
  }

  #stored(sending: Sending, { at }: Published, life: number): void {
    if (!this.has(sending)) return;
    this.show(sending, { status: "sent", at });
    this.#host.stored(life);
  }

  #failed(sending: Sending, error: CarillonError): void {
    if (!this.has(sending)) return;
    if (error.code === "aborted") this.take(sending.row.id);
    else this.show(sending, { status: "failed", error });
  }

  #retry(id: string): void {
    const sending = this.#sendings.get(id);
    if (sending?.row.status !== "failed") return;
    sending.controller = new AbortController();
    this.show(sending, { status: "sending", error: null });
    // Its outcome is shown; nobody holds this promise.
    this.#send(sending).catch(() => {});
  }

  #discard(id: string): void {
    const sending = this.#sendings.get(id);
    if (sending?.row.status === "failed") this.take(id);
    else sending?.controller.abort();
  }

  #bound(): void {
    if (this.#sendings.size <= SHOWN_MAX) return;
    const oldest = [...this.#sendings.values()].find(({ row }) => row.status !== "sending");
    if (oldest) this.#sendings.delete(oldest.row.id);
  }
}

/** What a promise of the client was rejected with, as an error with a code. */
export function errorOf(cause: unknown): CarillonError {
  if (cause instanceof CarillonError) return cause;
  return new CarillonError("invalid_data", `Expected data that can be sent: ${String(cause)}`, { cause });
}
