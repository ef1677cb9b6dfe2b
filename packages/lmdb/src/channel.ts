import type { ChannelOptions, Place } from "@carillon/server/backplane";
import type { ByteWriter } from "./bytes.ts";
import type { Write } from "./environment.ts";
import { boundsOf, encodeHead, type ChannelHead } from "./head-codec.ts";
import { Kind, textKey } from "./layout.ts";
import type { Head } from "./write-queue.ts";

/**
 * What is known of one channel without looking at what it holds: its head as it is on disk, and as it will be once
 * everything that was decided is durable.
 */
export class Channel implements Head {
  readonly name: string;
  /** True while its items are delivered. */
  isSubscribed = false;
  /** Log: nothing up to this offset is young enough to be read. A hint that spares a search. */
  agedOffset = 0;
  #durable: ChannelHead;
  #ahead: ChannelHead;
  /** In commits that are closed and not yet stored, oldest first. */
  readonly #sealed: ChannelHead[] = [];
  readonly #writer: ByteWriter;

  constructor(name: string, head: ChannelHead, writer: ByteWriter) {
    this.name = name;
    this.#durable = head;
    this.#ahead = head;
    this.#writer = writer;
  }

  /** As it is on disk. */
  get durable(): ChannelHead {
    return this.#durable;
  }

  /** As it will be. */
  get ahead(): ChannelHead {
    return this.#ahead;
  }

  /** True when nothing of it is on its way to the disk. */
  get isSettled(): boolean {
    return this.#ahead === this.#durable && this.#sealed.length === 0;
  }

  /** True when nothing would be lost by forgetting it. */
  get isIdle(): boolean {
    return !this.isSubscribed && this.isSettled;
  }

  /** Decides what it will be; have the queue write it. */
  advance(head: ChannelHead): void {
    this.#ahead = head;
  }

  seal(): readonly Write[] {
    this.#sealed.push(this.#ahead);
    return [{ key: textKey(Kind.channel, this.name), value: encodeHead(this.#writer, this.#ahead) }];
  }

  stored(): void {
    this.#durable = this.#sealed.shift() ?? this.#durable;
  }

  dropped(): void {
    this.#sealed.length = 0;
    this.#ahead = this.#durable;
  }
}

/** The head of a channel's life that begins now. */
export function newHead(options: ChannelOptions, number: number, start: Place): ChannelHead {
  return { kind: options.kind, number, top: start, floor: start, at: 0, entries: 0, ...boundsOf(options) };
}
