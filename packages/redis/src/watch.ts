import type { Ports, Timer } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import type { Keys } from "./keys.ts";
import { readPlace, type StoredPlace } from "./place-codec.ts";
import { listOf, textAt } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";
import type { Subscribed, Subscriptions } from "./subscriptions.ts";

/** What the watch needs. */
export interface WatchContext {
  readonly ports: Ports;
  readonly broker: Broker;
  readonly keys: Keys;
  readonly subscriptions: Subscriptions;
  /** Between two looks. */
  readonly intervalMs: number;
  /** Looks after what else is to be looked at each time; never rejects. */
  readonly also: () => Promise<void>;
}

/**
 * Notices that a live message was lost, the last one of a channel included (P6). Each bucket counts its changes; where
 * the count of a bucket with local subscribers has moved, the changed channels are asked for, with their tops. A
 * `PING` through the listening connection then brings in everything that was published before: what has not been
 * delivered by then is lost, and the channel is suspect. The cost follows changes, not channels.
 */
export class Watch {
  readonly #context: WatchContext;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(context: WatchContext) {
    this.#context = context;
  }

  start(): void {
    if (this.#isClosed) return;
    this.#timer = this.#context.ports.after(this.#context.intervalMs, () => void this.#tick());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #tick(): Promise<void> {
    const shards = new Map<string, number[]>();
    const { broker, subscriptions, also } = this.#context;
    for (const bucket of subscriptions.buckets.keys()) {
      if (!broker.isUp(bucket)) continue;
      const shard = broker.shardOf(bucket);
      const buckets = shards.get(shard) ?? [];
      buckets.push(bucket);
      shards.set(shard, buckets);
    }
    // What one shard can't answer must not keep the others from being looked at. The next look makes up for it.
    await Promise.allSettled([also(), ...Array.from(shards.values(), (buckets) => this.#look(buckets))]);
    this.start();
  }

  async #look(buckets: readonly number[]): Promise<void> {
    const counts = await this.#counts(buckets);
    const changed = buckets.filter((bucket, index) => counts[index] !== this.#context.subscriptions.known(bucket));
    const asked = await Promise.all(changed.map((bucket) => this.#changes(bucket)));
    const [first] = buckets;
    // A fence is needed even where nothing has changed: it finds out that the connection is dead.
    const isDelivered = first !== undefined && (await this.#context.broker.fence(first));
    if (!isDelivered) return;
    // Only what was compared counts as looked at: a connection that is lost before leaves it for the next look.
    for (const { bucket, count, changes } of asked) {
      for (const { subscribed, top } of changes) this.#compare(subscribed, top);
      if (count !== undefined) this.#context.subscriptions.looked(bucket, count);
    }
  }

  async #counts(buckets: readonly number[]): Promise<readonly number[]> {
    const { broker, keys } = this.#context;
    const names = buckets.map((bucket) => keys.of(bucket, "count"));
    const [first = 0] = buckets;
    const found = broker.isCluster
      ? await Promise.all(buckets.map((bucket, index) => broker.call(bucket, "GET", [names[index] ?? ""])))
      : listOf(await broker.call(first, "MGET", names));
    return found.map((count) => (Buffer.isBuffer(count) ? Number(count.toString()) : 0));
  }

  async #changes(bucket: number): Promise<Changes> {
    const { broker, keys, subscriptions } = this.#context;
    const known = subscriptions.known(bucket);
    const changes: Change[] = [];
    if (known === undefined) return { bucket, count: undefined, changes };
    const heads = keys.of(bucket, "c:");
    const reply = listOf(await broker.run(bucket, SCRIPTS.changes, keys.changes(bucket), [known, heads]));
    const count = Number(textAt(reply, 0));
    if (textAt(reply, 1) === "0") {
      // The bucket has gone back, or was emptied, or so much has happened that it can't be told.
      for (const subscribed of subscriptions.buckets.get(bucket) ?? []) subscriptions.suspect(subscribed);
      return { bucket, count, changes };
    }
    for (let index = 2; index < reply.length; index += 2) {
      const subscribed = subscriptions.get(textAt(reply, index));
      const top = textAt(reply, index + 1);
      if (subscribed !== undefined) changes.push({ subscribed, top: top === "" ? null : readPlace(top) });
    }
    return { bucket, count, changes };
  }

  #compare(subscribed: Subscribed, top: StoredPlace | null): void {
    const { place, channel } = subscribed;
    const { subscriptions } = this.#context;
    // Not known yet: whoever subscribes has still to be answered, and reads from there.
    if (place === null || subscriptions.get(channel) !== subscribed) return;
    const isBehind = top === null || place.epoch !== top.epoch || place.offset < top.offset;
    const isElsewhere = top !== null && place.offset === top.offset && place.position !== top.position;
    if (isBehind || isElsewhere) subscriptions.suspect(subscribed);
  }
}

/** What has changed in a bucket, up to a count of its changes; undefined: nobody knows yet since when. */
interface Changes {
  readonly bucket: number;
  readonly count: number | undefined;
  readonly changes: readonly Change[];
}

interface Change {
  readonly subscribed: Subscribed;
  readonly top: StoredPlace | null;
}
