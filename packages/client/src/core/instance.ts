import { CarillonError, type ConnectResult } from "@carillon/protocol";
import { Asks } from "./asks.ts";
import { Connection, type ConnectionChange, type ConnectionOptions } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { isText, type Fields } from "./fields.ts";
import type { Link } from "./link.ts";
import { OwnEntries } from "./own-entries.ts";
import type { ClientPorts } from "./ports.ts";
import { PublishQueue, type PublishQueueLimits } from "./publish-queue.ts";
import { Subscription, type SubscriptionHost } from "./subscription.ts";

/** What a client tells, by event. */
export interface InstanceEvents {
  /** The connection's state has changed. */
  state: ConnectionChange;
  /** Something failed that no channel's own listener took. */
  error: CarillonError;
  /** The server subscribed the client to a channel that it did not ask for. */
  subscribed: { readonly channel: string };
}

/** Settings of an instance. */
export interface InstanceOptions extends ConnectionOptions, PublishQueueLimits {}

/** Most channels that one client knows; a server that subscribes it to more is not listened to. */
const CHANNELS_MAX = 10_000;
/** Ids of this client that are kept, to know its echo after it came back as another instance. */
const INSTANCES_MAX = 16;

/** One SDK object across all its reconnects: the connection, and what lives on it. */
export class Instance {
  readonly events: Emitter<InstanceEvents>;
  readonly connection: Connection;
  readonly queue: PublishQueue;
  readonly own: OwnEntries;
  readonly asks: Asks;
  /** The last connect reply; null before the first. */
  result: ConnectResult | null = null;
  readonly #ports: ClientPorts;
  readonly #subscriptions = new Map<string, Subscription>();
  #instances: string[] = [];
  #ids = 0;

  constructor(ports: ClientPorts, options: InstanceOptions) {
    this.#ports = ports;
    this.events = new Emitter(ports);
    this.connection = new Connection(ports, options, {
      pipeline: (link, room) => this.#pipeline(link, room),
      connected: (link, result) => this.#connected(link, result),
      lost: () => this.#lost(),
      push: (push, body) => this.#push(push, body),
      changed: (change) => this.#changed(change),
      failed: (error) => this.fail(error),
    });
    const link = (): Link | null => this.connection.ready;
    this.queue = new PublishQueue(ports, options, { link, restart: () => this.connection.restart() });
    this.asks = new Asks(ports, link);
    this.own = new OwnEntries(ports, {
      link,
      isOwned: (channel, key) => {
        const owner = this.#subscriptions.get(channel)?.entries.map.get(key)?.owner;
        return owner !== undefined && this.#instances.includes(owner.instance);
      },
      instance: () => this.result?.instance ?? null,
      failed: (error) => this.fail(error),
    });
  }

  /** The subscription of a channel: one for each name. */
  subscription(channel: string): Subscription {
    const known = this.#subscriptions.get(channel);
    if (known) return known;
    const host: SubscriptionHost = {
      link: () => this.connection.ready,
      isOwn: (instance) => this.#instances.includes(instance),
      failed: (error) => this.fail(error),
      removed: (name, key, version) => this.own.removed(name, key, version),
    };
    const subscription = new Subscription(channel, host, this.#ports, this.emitter());
    this.#subscriptions.set(channel, subscription);
    return subscription;
  }

  /** Why nothing can be done now; null unless the client is disconnected. */
  refusal(): CarillonError | null {
    return this.connection.state === "disconnected"
      ? new CarillonError("disconnected", "The client is disconnected; call connect() first.")
      : null;
  }

  /** Listeners for a handle. */
  emitter<Events extends object>(): Emitter<Events> {
    return new Emitter(this.#ports);
  }

  /** Takes an error that nobody nearer listens for. What passes by itself needs no listener. */
  fail(error: CarillonError): void {
    if (!this.events.emit("error", error) && !error.retry) this.#ports.report(error);
  }

  /** An id for a publication: unique among those of this client by the count, and beyond it by chance. */
  newId(): string {
    const random = (): string => this.#ports.random().toString(36).slice(2);
    return `${random()}${random()}.${(this.#ids++).toString(36)}`;
  }

  #pipeline(link: Link, room: number): void {
    for (const subscription of this.#subscriptions.values()) {
      if (link.sent >= room) return;
      subscription.flush(link);
    }
  }

  #connected(link: Link, result: ConnectResult): void {
    this.result = result;
    if (!this.#instances.includes(result.instance)) {
      this.#instances = [...this.#instances, result.instance].slice(-INSTANCES_MAX);
    }
    this.#pipeline(link, Infinity);
    this.own.connected();
    this.queue.connected(result);
    this.asks.connected();
  }

  #lost(): void {
    this.own.lost();
    this.queue.lost();
    for (const subscription of this.#subscriptions.values()) subscription.lost();
  }

  #push(push: Fields, body: Uint8Array): void {
    const { channel } = push;
    if (!isText(channel)) return;
    const known = this.#subscriptions.get(channel);
    if (known) known.push(push, body);
    else if (push["push"] === "subscribed" && this.#subscriptions.size < CHANNELS_MAX) {
      const subscription = this.subscription(channel);
      this.events.emit("subscribed", { channel });
      subscription.push(push, body);
    }
  }

  #changed(change: ConnectionChange): void {
    const error = change.error ?? this.refusal();
    if (error) {
      this.queue.stop(error);
      this.own.stop(error);
      this.asks.stop(error);
      for (const subscription of this.#subscriptions.values()) subscription.stop(error);
    }
    this.events.emit("state", change);
  }
}
