import type { Logger, Ports } from "@carillon/server/backplane";
import type { Redis } from "ioredis";
import { refusalOf, Unreachable } from "./broker-failure.ts";
import { askForShards } from "./cluster-slots.ts";
import { BUCKETS, SHARED_BUCKET } from "./keys.ts";
import { runScript, type Script, type ScriptArgument } from "./scripts.ts";
import { Shard } from "./shard.ts";
import type { DriverOptions } from "./server-address.ts";

/** What a broker is made of. */
export interface BrokerContext {
  readonly server: DriverOptions;
  readonly ports: Ports;
  readonly logger: Logger;
  readonly timeoutMs: number;
  readonly patienceMs: number;
  readonly onMessage: (name: string, message: Buffer) => void;
  /** Delivery on these shard channels is active; what was published before may have been missed. */
  readonly onActive: (names: readonly string[]) => void;
  readonly onAvailable: (isAvailable: boolean) => void;
}

/** How often a call goes after a bucket that moves from one server to another. */
const MOVES_MAX = 5;
/** Between questions to a cluster about who serves what. */
const REFRESH_MS = 250;

/** Redis, as one server or as a cluster: who serves which bucket, and the connections to them. */
export class Broker {
  readonly #context: BrokerContext;
  readonly #shards = new Map<string, Shard>();
  readonly #listening = new Map<string, number>();
  #addresses: readonly string[] = [];
  #isCluster = false;
  /** Null until everything was up for the first time. */
  #isAvailable: boolean | null = null;
  #isClosed = false;
  #refreshing: Promise<void> | null = null;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  /** True for Redis Cluster: what is in different buckets can't be asked for in one call. */
  get isCluster(): boolean {
    return this.#isCluster;
  }

  /** Starts the connections. `first` is one to any server, for asking what it is part of. */
  async open(first: Redis): Promise<void> {
    const info = await first.info("cluster");
    this.#isCluster = /^cluster_enabled:1/m.test(info);
    const { host = "127.0.0.1", port = 6_379 } = this.#context.server;
    const addresses = this.#isCluster ? await askForShards(first, host) : this.#everywhere(`${host}:${port}`);
    this.#adopt(addresses);
    await Promise.all([...this.#shards.values()].map((shard) => shard.ready()));
  }

  /** Runs a script where its bucket is served. Rejects with what went wrong; see `failureOf`. */
  async run(
    bucket: number,
    script: Script,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    return this.#follow(bucket, (shard) => runScript(shard.link, script, keys, args));
  }

  /** Makes a call where a bucket is served. */
  async call(bucket: number, command: string, args: readonly ScriptArgument[]): Promise<unknown> {
    return this.#follow(bucket, (shard) => shard.link.call(command, args));
  }

  /** Listens on a shard channel of a bucket. `onActive` tells when, and again after each interruption. */
  listen(name: string, bucket: number): void {
    this.#listening.set(name, bucket);
    this.#shards.get(this.#addresses[bucket] ?? "")?.listener.add(name, this.#groupOf(bucket));
  }

  /** Listens no more. */
  unlisten(name: string): void {
    const bucket = this.#listening.get(name);
    this.#listening.delete(name);
    if (bucket !== undefined) this.#shards.get(this.#addresses[bucket] ?? "")?.listener.remove(name);
  }

  /** True once everything that was published in a bucket before the call has been handed over; false if that is unknown. */
  async fence(bucket: number): Promise<boolean> {
    const shard = this.#shards.get(this.#addresses[bucket] ?? "");
    return shard === undefined ? false : shard.listener.fence();
  }

  /** True while the bucket's server can be asked. */
  isUp(bucket: number): boolean {
    return this.#shards.get(this.#addresses[bucket] ?? "")?.link.isUp ?? false;
  }

  /** Which buckets are served together, as a number that is the same for all of one server. */
  shardOf(bucket: number): string {
    return this.#addresses[bucket] ?? "";
  }

  close(): void {
    this.#isClosed = true;
    for (const shard of this.#shards.values()) shard.close();
  }

  async #follow<T>(bucket: number, ask: (shard: Shard) => Promise<T>): Promise<T> {
    for (let moves = 0; ; moves++) {
      const shard = this.#shards.get(this.#addresses[bucket] ?? "");
      if (shard === undefined) {
        await this.#refresh();
        if (moves >= MOVES_MAX || !this.#shards.has(this.#addresses[bucket] ?? "")) throw new Unreachable();
        continue;
      }
      try {
        await shard.ready();
        return await ask(shard);
      } catch (error) {
        const code = error instanceof Unreachable ? "DOWN" : (refusalOf(error)?.code ?? "");
        if (!this.#isCluster) {
          if (refusalOf(error)?.isMisplaced === true) shard.reset();
          throw error;
        }
        // None of these means that anything was done, so it can be done elsewhere.
        if (!["MOVED", "ASK", "TRYAGAIN"].includes(code) || moves >= MOVES_MAX) {
          if (refusalOf(error)?.isMisplaced === true || code === "DOWN") void this.#refresh();
          throw error;
        }
        await this.#refresh();
      }
    }
  }

  #adopt(addresses: readonly string[]): void {
    const before = this.#addresses;
    this.#addresses = addresses;
    for (const address of new Set(addresses)) if (address !== "") this.#shardAt(address);
    for (const [name, bucket] of this.#listening) {
      if (before[bucket] === addresses[bucket]) continue;
      this.#shards.get(before[bucket] ?? "")?.listener.remove(name);
      this.#shards.get(addresses[bucket] ?? "")?.listener.add(name, this.#groupOf(bucket));
    }
    for (const [address, shard] of this.#shards) {
      if (addresses.includes(address)) continue;
      this.#shards.delete(address);
      shard.close();
    }
  }

  #shardAt(address: string): void {
    if (this.#shards.has(address)) return;
    const { server, ports, logger, timeoutMs, patienceMs, onMessage, onActive } = this.#context;
    const cut = address.lastIndexOf(":");
    const shard = new Shard({
      server: this.#isCluster
        ? { ...server, host: address.slice(0, cut), port: Number(address.slice(cut + 1)) }
        : server,
      ports,
      logger,
      timeoutMs,
      patienceMs,
      events: {
        onMessage,
        onActive,
        onChange: () => this.#changed(),
        onMoved: () => (this.#isCluster ? void this.#refresh() : shard.listener.reset()),
      },
    });
    this.#shards.set(address, shard);
    shard.open();
  }

  #changed(): void {
    const isAvailable = [...this.#shards.values()].every(({ isUp }) => isUp);
    if (this.#isCluster && !isAvailable) void this.#refresh();
    if (this.#isClosed || isAvailable === this.#isAvailable) return;
    const isFirst = this.#isAvailable === null;
    if (isFirst && !isAvailable) return;
    this.#isAvailable = isAvailable;
    if (!isFirst) this.#context.onAvailable(isAvailable);
  }

  /** Asks the cluster anew who serves what; again and again until every server is up. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = null;
      if (!this.#isClosed && this.#isAvailable === false) void this.#refresh();
    });
    return this.#refreshing;
  }

  async #ask(): Promise<void> {
    await new Promise<void>((resolve) => this.#context.ports.after(REFRESH_MS, resolve));
    for (const [address, { link }] of this.#shards) {
      const { redis } = link;
      if (redis === null || this.#isClosed) continue;
      try {
        const addresses = await link.run(askForShards(redis, address.slice(0, address.lastIndexOf(":"))));
        // A server that has lost sight of the others still tells of them.
        if (addresses[SHARED_BUCKET] !== "") return this.#adopt(addresses);
      } catch {
        // Another one may know.
      }
    }
  }

  /** What may be in one SSUBSCRIBE: in a cluster, what is in one slot. */
  #groupOf(bucket: number): number {
    return this.#isCluster ? bucket : 0;
  }

  #everywhere(address: string): readonly string[] {
    return Array.from({ length: BUCKETS }, () => address);
  }
}
