import { firstPlace, type ChannelOptions, type Failure, type Ports } from "@carillon/server/backplane";
import type { ByteWriter } from "./bytes.ts";
import { Channel, newHead } from "./channel.ts";
import type { Environment } from "./environment.ts";
import { boundsOf, decodeHead, type ChannelHead } from "./head-codec.ts";
import { Kind, numberKey, PRESENT, textKey } from "./layout.ts";
import type { StoreState } from "./store-state.ts";
import type { WriteQueue } from "./write-queue.ts";

/** Channels kept in memory; the others are read again when they are asked for, which costs some microseconds. */
const CHANNELS_MAX = 10_000;
const ENCODED_NAME = new TextEncoder();

/** What everything that keeps channels works with. */
export interface StoreParts {
  readonly environment: Environment;
  readonly queue: WriteQueue;
  readonly writer: ByteWriter;
  readonly state: StoreState;
  readonly ports: Ports;
}

/**
 * The channels that are in use, each read from disk when it is first asked for. A channel that nobody has written to is
 * not on disk, whoever looks at it: its epoch is derived from its name and a secret of the store, so that a subscriber
 * who comes back after a restart is in the same place.
 */
export class ChannelTable {
  readonly #channels = new Map<string, Channel>();
  /** At how many channels to look for some that can be forgotten. */
  #roomAt = CHANNELS_MAX;
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** The channel of that name. Throws a `StoreError` when the file is damaged. */
  get(name: string, options: ChannelOptions): Channel {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    if (this.#channels.size >= this.#roomAt) this.#makeRoom();
    const channel = new Channel(name, this.stored(name) ?? this.#unwritten(name, options), this.#parts.writer);
    this.#channels.set(name, channel);
    return channel;
  }

  /** The channel of that name if it is in memory. */
  peek(name: string): Channel | undefined {
    return this.#channels.get(name);
  }

  /** The head of a channel as it is on disk at this moment; undefined if nobody has written to it. */
  stored(name: string): ChannelHead | undefined {
    const value = this.#parts.environment.get(textKey(Kind.channel, name));
    return value === undefined ? undefined : decodeHead(value);
  }

  /** The head to build on, with a number, and of the kind that is wanted; or null: the channel is of the other kind. */
  writable(channel: Channel, options: ChannelOptions): ChannelHead | null {
    const { ahead } = channel;
    if (ahead.number !== 0) return ahead.kind === options.kind ? ahead : null;
    const number = this.#number(channel.name);
    return { ...ahead, ...boundsOf(options), kind: options.kind, number };
  }

  /** Begins another life of the channel; what the last one held is cleared out later. */
  restart(channel: Channel, options: ChannelOptions): void {
    const { queue, ports } = this.#parts;
    const { number } = channel.ahead;
    if (number !== 0) {
      queue.write(numberKey(Kind.doomed, number), PRESENT);
      queue.write(numberKey(Kind.name, number), null);
    }
    channel.advance(newHead(options, this.#number(channel.name), firstPlace(ports.id())));
    channel.agedOffset = 0;
    channel.forgetIds();
    queue.touch(channel);
  }

  /** The name of the channel whose present life has the number; null once it is over. */
  nameOf(number: number): string | null {
    const value = this.#parts.queue.get(numberKey(Kind.name, number));
    return value === undefined ? null : Buffer.from(value).toString();
  }

  /** Forgets what is kept in memory; nothing is delivered any more. */
  clear(): void {
    for (const channel of this.#channels.values()) channel.isSubscribed = false;
    this.#channels.clear();
  }

  #number(name: string): number {
    const { queue, state } = this.#parts;
    const number = state.nextNumber();
    queue.write(numberKey(Kind.name, number), ENCODED_NAME.encode(name));
    return number;
  }

  #unwritten(name: string, options: ChannelOptions): ChannelHead {
    const { ports, state } = this.#parts;
    const epoch = ports.hash(`epoch 1 ${state.secret} ${name}`) + ports.hash(`epoch 2 ${state.secret} ${name}`);
    return newHead(options, 0, firstPlace(epoch));
  }

  /** Forgets channels that are not in use, the longest known first. */
  #makeRoom(): void {
    for (const [name, channel] of this.#channels) {
      if (this.#channels.size < CHANNELS_MAX * 0.9) break;
      if (!channel.isIdle) continue;
      channel.forgetIds();
      this.#channels.delete(name);
    }
    // If most are in use, the next look has to be worth the while as well: it goes through all of them.
    this.#roomAt = Math.max(CHANNELS_MAX, this.#channels.size * 1.25);
  }
}

/** What a store that is asked while it is damaged answers. */
export function broken(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, code: "internal", message };
}
