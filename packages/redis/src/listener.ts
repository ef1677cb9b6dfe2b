import type { Redis } from "ioredis";
import { Link, type LinkOptions } from "./link.ts";

/** Names in one SSUBSCRIBE at most. */
const NAMES_MAX = 256;

/** What a listener tells. */
export interface ListenerEvents {
  /** A message on a shard channel that is listened to. */
  readonly onMessage: (name: string, message: Buffer) => void;
  /** Delivery on these is active; when it was before, something may have been lost in between. */
  readonly onActive: (names: readonly string[]) => void;
  readonly onUp: () => void;
  readonly onDown: () => void;
  /** The server has taken a subscription away: the slot has moved. */
  readonly onMoved: () => void;
}

/**
 * The connection of a shard that listens. What it is asked to listen to in one tick goes out together; names of one SSUBSCRIBE
 * share a group, since a cluster takes only names of one slot at a time. After a new connection everything is asked for
 * again.
 */
export class Listener {
  /** Names, with the group that each belongs to. */
  readonly #names = new Map<string, number>();
  readonly #events: ListenerEvents;
  readonly #options: Omit<LinkOptions, "prepare" | "onUp" | "onDown">;
  readonly #link: Link;
  #added: string[] = [];
  #removed = new Map<string, number>();
  #isScheduled = false;

  constructor(options: Omit<LinkOptions, "prepare" | "onUp" | "onDown">, events: ListenerEvents) {
    this.#events = events;
    this.#options = options;
    this.#link = new Link({
      ...options,
      prepare: (redis) => this.#prepare(redis),
      onUp: () => {
        events.onUp();
        this.#subscribe([...this.#names.keys()]);
      },
      onDown: events.onDown,
    });
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  get lastError(): Error | null {
    return this.#link.lastError;
  }

  open(): void {
    this.#link.open();
  }

  /** Listens on a shard channel. `onActive` follows; while the connection is down, once it is up. */
  add(name: string, group: number): void {
    this.#names.set(name, group);
    this.#added.push(name);
    this.#schedule();
  }

  /** Listens no more. */
  remove(name: string): void {
    const group = this.#names.get(name);
    if (group === undefined) return;
    this.#names.delete(name);
    this.#removed.set(name, group);
    this.#schedule();
  }

  /** Resolves when everything that was published before the call has been delivered, or the connection is down. */
  async fence(): Promise<boolean> {
    try {
      await this.#link.call("PING", []);
      return true;
    } catch {
      return false;
    }
  }

  /** Makes a new connection, and asks for everything again. */
  reset(): void {
    this.#link.reset();
  }

  close(): void {
    this.#link.close();
  }

  async #prepare(redis: Redis): Promise<void> {
    redis.on("smessageBuffer", (name: Buffer, message: Buffer) => {
      const text = name.toString();
      // What was unsubscribed from goes on for the time of a round trip.
      if (this.#names.has(text)) this.#events.onMessage(text, message);
    });
    redis.on("moved", () => this.#events.onMoved());
    // The first answer shows that the server serves at all.
    await redis.ping();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.ports.endOfTick(() => {
      this.#isScheduled = false;
      const added = this.#added.filter((name) => this.#names.has(name));
      const removed = [...this.#removed].filter(([name]) => !this.#names.has(name));
      this.#added = [];
      this.#removed.clear();
      for (const batch of batches(removed)) void this.#ask(batch, (redis) => redis.sunsubscribe(...batch));
      this.#subscribe(added);
    });
  }

  #subscribe(names: readonly string[]): void {
    for (const batch of batches(names.map((name) => [name, this.#names.get(name) ?? 0]))) void this.#begin(batch);
  }

  async #begin(batch: readonly string[]): Promise<void> {
    if (await this.#ask(batch, (redis) => redis.ssubscribe(...batch))) this.#events.onActive(batch);
  }

  /** True if the server did it. If it refuses, the slots are elsewhere; if the connection is lost, all is asked again. */
  async #ask(batch: readonly string[], ask: (redis: Redis) => Promise<unknown>): Promise<boolean> {
    const { redis } = this.#link;
    if (redis === null || batch.length === 0) return false;
    try {
      await this.#link.run(ask(redis));
      return true;
    } catch {
      if (this.#link.redis === redis) this.#events.onMoved();
      return false;
    }
  }
}

/** Names in batches of one group each. */
function batches(names: readonly (readonly [name: string, group: number])[]): string[][] {
  const groups = new Map<number, string[][]>();
  for (const [name, group] of names) {
    const ofGroup = groups.get(group) ?? [[]];
    groups.set(group, ofGroup);
    const last = ofGroup.at(-1);
    if (last === undefined || last.length === NAMES_MAX) ofGroup.push([name]);
    else last.push(name);
  }
  return [...groups.values()].flat();
}
