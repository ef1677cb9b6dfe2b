import { CarillonError } from "@carillon/protocol";
import { Asks, type AsksHost } from "./asks.ts";
import {
  Connection,
  ENTRIES_LOST,
  type ConnectionChange,
  type ConnectionOptions,
  type ConnectionSink,
} from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { isText, type Fields } from "./fields.ts";
import type { Link } from "./link.ts";
import { OwnEntries, type OwnEntriesHost } from "./own-entries.ts";
import type { ClientPorts } from "./ports.ts";
import { PublishQueue, type PublishQueueHost, type PublishQueueLimits } from "./publish-queue.ts";
import { Subscription, type SubscriptionHost } from "./subscription.ts";
import type { Welcome } from "./welcome.ts";

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
export class Instance implements ConnectionSink, PublishQueueHost, OwnEntriesHost, AsksHost, SubscriptionHost {
  readonly events: Emitter<InstanceEvents>;
  readonly connection: Connection;
  readonly queue: PublishQueue;
  readonly own: OwnEntries;
  readonly asks: Asks;
  /** The last connect reply; null before the first. */
  welcome: Welcome | null = null;
  readonly #ports: ClientPorts;
  readonly #subscriptions = new Map<string, Subscription>();
  #instances: string[] = [];
  #ids = 0;

  constructor(ports: ClientPorts, options: InstanceOptions) {
    this.#ports = ports;
    this.events = new Emitter(ports);
    this.connection = new Connection(ports, options, this);
    this.queue = new PublishQueue(ports, options, this);
    this.own = new OwnEntries(ports, this);
    this.asks = new Asks(ports, this);
  }

  /** The subscription of a channel: one for each name. */
  subscription(channel: string): Subscription {
    const subscription =
      this.#subscriptions.get(channel) ?? new Subscription(channel, this, this.#ports, this.emitter());
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
    return `${this.#ports.random().toString(36).slice(2)}.${(this.#ids++).toString(36)}`;
  }

  // --- what the machines ask ---

  link(): Link | null {
    return this.connection.ready;
  }

  isOwn(instance: string | undefined): boolean {
    return this.#instances.some((id) => id === instance);
  }

  isSelf(instance: string): boolean {
    return this.welcome?.instance === instance;
  }

  isOwned(channel: string, key: string): boolean {
    return this.isOwn(this.#subscriptions.get(channel)?.entries.map.get(key)?.owner?.instance);
  }

  shown(channel: string, key: string, version: number, isRemoved: boolean): void {
    this.own.shown(channel, key, version, isRemoved);
  }

  // --- what the connection tells ---

  pipeline(link: Link, room: number): void {
    for (const subscription of this.#subscriptions.values()) {
      if (link.sent >= room) return;
      subscription.flush(link);
    }
  }

  connected(link: Link, welcome: Welcome): void {
    this.welcome = welcome;
    this.#instances = [...this.#instances.filter((id) => id !== welcome.instance), welcome.instance].slice(
      -INSTANCES_MAX,
    );
    this.pipeline(link, Infinity);
    this.own.connected();
    this.queue.connected();
    this.asks.connected();
  }

  lost(): void {
    this.own.lost();
    this.queue.lost();
    for (const subscription of this.#subscriptions.values()) subscription.lost();
  }

  push(push: Fields, body: Uint8Array): void {
    const { channel } = push;
    if (!isText(channel)) return;
    // The server may subscribe the client to a channel that it has not heard of.
    if (!this.#subscriptions.has(channel)) {
      if (push["push"] !== "subscribed" || this.#subscriptions.size >= CHANNELS_MAX) return;
      this.events.emit("subscribed", { channel });
    }
    this.subscription(channel).push(push, body);
  }

  changed(change: ConnectionChange): void {
    if (change.code === ENTRIES_LOST) this.own.entriesLost();
    const error = change.error ?? this.refusal();
    if (error) {
      for (const machine of [this.queue, this.own, this.asks, ...this.#subscriptions.values()]) machine.stop(error);
    }
    this.events.emit("state", change);
  }
}
