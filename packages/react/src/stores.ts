/** The stores of one client: one for each channel and aspect, made when a component asks first. */
import type { Client } from "@carillon/client";
import { ConnectionStore } from "./connection-store.ts";
import { LogStore } from "./log-store.ts";
import { Frame } from "./notifier.ts";
import { PresenceStore } from "./presence-store.ts";
import type { Shared } from "./shared.ts";
import { StateStore } from "./state-store.ts";

/** Ids of this client that are kept; it knows as many. */
const INSTANCES_MAX = 16;

/**
 * The stores of one client. Like the client's own handles they are kept as long as the client: a component may render,
 * and never mount, or be hidden and come back, and must find the same store. One that nobody uses is empty.
 */
export class Stores implements Shared {
  readonly client: Client | null;
  readonly frame: Frame = new Frame();
  readonly lingerMs: number;
  readonly connection: ConnectionStore;
  readonly #instances = new Set<string>();
  readonly #logs = new Map<string, LogStore>();
  readonly #states = new Map<string, StateStore>();
  readonly #presences = new Map<string, PresenceStore>();

  constructor(client: Client | null, lingerMs: number) {
    this.client = client;
    this.lingerMs = lingerMs;
    this.connection = new ConnectionStore(client);
    this.#learn();
    client?.on("state", () => this.#learn());
  }

  isOwnInstance(instance: string | undefined): boolean {
    return instance !== undefined && this.#instances.has(instance);
  }

  /** The store of a log channel. */
  log(name: string): LogStore {
    return found(this.#logs, name, () => new LogStore(name, this));
  }

  /** The store of a state channel. */
  state(name: string): StateStore {
    return found(this.#states, name, () => new StateStore(name, this));
  }

  /** The store of a channel's presence. */
  presence(name: string): PresenceStore {
    return found(this.#presences, name, () => new PresenceStore(name, this));
  }

  #learn(): void {
    const { instance } = this.client ?? { instance: null };
    if (instance === null || this.#instances.has(instance)) return;
    this.#instances.add(instance);
    for (const oldest of this.#instances) {
      if (this.#instances.size <= INSTANCES_MAX) return;
      this.#instances.delete(oldest);
    }
  }
}

function found<T>(stores: Map<string, T>, name: string, make: () => T): T {
  const store = stores.get(name) ?? make();
  stores.set(name, store);
  return store;
}
