import type { ChannelOptions, ChannelRecord, Logger, StoreSink } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import { bucketOf, type Keys } from "./keys.ts";
import type { StoredPlace } from "./place-codec.ts";
import { positionBefore, readLive, type LiveMessage, type StoredItem } from "./record-codec.ts";

/** A channel with local subscribers. */
export interface Subscribed {
  readonly channel: string;
  readonly bucket: number;
  options: ChannelOptions;
  /** True while the server delivers. */
  isActive: boolean;
  /** Up to where this node has delivered; null until it is known. */
  place: StoredPlace | null;
  /** Those who wait for delivery to be active. */
  waiting: (() => void)[];
}

/** What subscriptions need. */
export interface SubscriptionsContext {
  readonly broker: Broker;
  readonly keys: Keys;
  readonly sink: StoreSink;
  readonly logger: Logger;
  /** Items of a channel were delivered. */
  readonly delivered: (subscribed: Subscribed, records: readonly ChannelRecord[]) => void;
}

/** The channels that this node listens to, and how far each has been delivered. */
export class Subscriptions {
  readonly #channels = new Map<string, Subscribed>();
  readonly #buckets = new Map<number, Set<Subscribed>>();
  /** Changes up to which a bucket was looked at. */
  readonly #known = new Map<number, number>();
  /** Channels of which messages were held back. */
  readonly #held = new Set<Subscribed>();
  readonly #context: SubscriptionsContext;

  constructor(context: SubscriptionsContext) {
    this.#context = context;
  }

  /** The channel, if it is listened to. */
  get(channel: string): Subscribed | undefined {
    return this.#channels.get(channel);
  }

  /** Buckets in which channels are listened to. */
  get buckets(): ReadonlyMap<number, ReadonlySet<Subscribed>> {
    return this.#buckets;
  }

  /** Changes up to which a bucket was looked at; undefined while that is not known. */
  known(bucket: number): number | undefined {
    return this.#known.get(bucket);
  }

  /** A bucket was looked at, up to a number of changes. */
  looked(bucket: number, changes: number): void {
    if (this.#buckets.has(bucket)) this.#known.set(bucket, changes);
  }

  /** Starts to listen, if it has not begun. */
  open(channel: string, options: ChannelOptions): Subscribed {
    const known = this.#channels.get(channel);
    if (known !== undefined) {
      known.options = options;
      return known;
    }
    const bucket = bucketOf(channel);
    const subscribed: Subscribed = { channel, bucket, options, isActive: false, place: null, waiting: [] };
    this.#channels.set(channel, subscribed);
    const inBucket = this.#buckets.get(bucket) ?? new Set();
    inBucket.add(subscribed);
    this.#buckets.set(bucket, inBucket);
    this.#context.broker.listen(this.#context.keys.live(channel), bucket);
    return subscribed;
  }

  /** Listens no more. */
  close(channel: string): void {
    const subscribed = this.#channels.get(channel);
    if (subscribed === undefined) return;
    this.#channels.delete(channel);
    const inBucket = this.#buckets.get(subscribed.bucket);
    inBucket?.delete(subscribed);
    if (inBucket?.size === 0) {
      this.#buckets.delete(subscribed.bucket);
      this.#known.delete(subscribed.bucket);
    }
    this.#context.broker.unlisten(this.#context.keys.live(channel));
    for (const resolve of subscribed.waiting.splice(0)) resolve();
  }

  /** The server delivers on these shard channels from now on; if it had done so before, something may be missing. */
  active(names: readonly string[]): void {
    for (const name of names) {
      const subscribed = this.#find(name);
      if (subscribed === undefined) continue;
      const wasActive = subscribed.isActive;
      subscribed.isActive = true;
      for (const resolve of subscribed.waiting.splice(0)) resolve();
      if (wasActive) this.suspect(subscribed);
    }
  }

  /** Delivery may have lost something, or the log is not what it was: everybody compares with the store. */
  suspect(subscribed: Subscribed): void {
    subscribed.place = null;
    this.#context.sink.suspect(subscribed.channel);
  }

  /**
   * Where the channel stands, as the store says, and how many changes its bucket has had. Only what comes behind is
   * delivered.
   */
  settle(subscribed: Subscribed, place: StoredPlace, changes: number): void {
    if (!this.#known.has(subscribed.bucket)) this.#known.set(subscribed.bucket, changes);
    const { place: known } = subscribed;
    // While delivery is going on, what lies between the two is on its way.
    if (known === null || known.epoch !== place.epoch) subscribed.place = place;
  }

  /** A message that must not be delivered yet: its channel is suspect once {@link Subscriptions.heal} is called. */
  hold(name: string): void {
    const subscribed = this.#find(name);
    if (subscribed !== undefined) this.#held.add(subscribed);
  }

  /** Whatever was held back may be delivered now: from the store. */
  heal(): void {
    const held = [...this.#held];
    this.#held.clear();
    for (const subscribed of held) if (this.#channels.get(subscribed.channel) === subscribed) this.suspect(subscribed);
  }

  /** A message on a shard channel. */
  message(name: string, buffer: Buffer): void {
    const subscribed = this.#find(name);
    if (subscribed === undefined) return;
    let message: LiveMessage;
    try {
      message = readLive(buffer);
    } catch (error) {
      // Not one of ours. What it may have stood for is read from the store.
      this.#context.logger.error("A message on a live channel can't be read.", { error: String(error) });
      return this.suspect(subscribed);
    }
    this.#deliver(subscribed, message);
  }

  #deliver(subscribed: Subscribed, { prev, pos, items }: LiveMessage): void {
    const { place } = subscribed;
    if (place === null || place.epoch !== pos.epoch || prev.offset >= place.offset || items.length === 0) {
      return this.#hand(subscribed, prev.position, pos, items);
    }
    if (pos.offset > place.offset) {
      // Its beginning was in the answer to the subscription.
      const rest = items.slice(place.offset - prev.offset);
      const [first] = rest;
      if (first === undefined || first.before === "") return this.#hand(subscribed, prev.position, pos, items);
      return this.#hand(subscribed, positionBefore(pos.epoch, place.offset, first.before), pos, rest);
    }
    // The store has gone back, and hands out the same offsets again.
    if (pos.offset === place.offset && pos.position !== place.position) this.suspect(subscribed);
  }

  #hand(subscribed: Subscribed, prev: string, pos: StoredPlace, items: readonly StoredItem[]): void {
    subscribed.place = pos;
    const records = items.map(({ record }) => record);
    this.#context.sink.deliver(subscribed.channel, prev, pos.position, records);
    this.#context.delivered(subscribed, records);
  }

  #find(name: string): Subscribed | undefined {
    const channel = this.#context.keys.channelOf(name);
    return channel === null ? undefined : this.#channels.get(channel);
  }
}
