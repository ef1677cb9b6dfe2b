import type { Position } from "@carillon/protocol";
import { formatPlace, type ChannelOptions, type Place } from "@carillon/server/backplane";
import type { ByteWriter } from "./bytes.ts";
import type { Write } from "./environment.ts";
import { boundsOf, encodeHead, type ChannelHead } from "./head-codec.ts";
import { Kind, textKey } from "./layout.ts";
import type { RecentIds } from "./recent-ids.ts";
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
  /** Log: offsets of publications by id, those behind `indexed`; null: to be read again. See {@link IdIndex}. */
  recent: RecentIds | null = null;
  #durable: ChannelHead;
  #ahead: ChannelHead;
  /** In commits that are closed and not yet stored, oldest first. */
  readonly #sealed: ChannelHead[] = [];
  #position: Position | null = null;
  #positionOf: Place | null = null;
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

  /** The position that it will be in. */
  get position(): Position {
    if (this.#position === null || this.#positionOf !== this.#ahead.top) {
      this.#positionOf = this.#ahead.top;
      this.#position = formatPlace(this.#positionOf);
    }
    return this.#position;
  }

  /** Decides what it will be; have the queue write it. */
  advance(head: ChannelHead): void {
    this.#ahead = head;
  }

  /** Has the ids of publications read again when they are needed. */
  forgetIds(): void {
    this.recent?.release();
    this.recent = null;
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
    this.forgetIds();
  }
}

/** The head of a channel's life that begins now. */
export function newHead(options: ChannelOptions, number: number, start: Place): ChannelHead {
  return { kind: options.kind, number, top: start, floor: start, indexed: 0, at: 0, entries: 0, ...boundsOf(options) };
}
