import type { Logger, Ports, Timer } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import { BUCKETS, SHARED_BUCKET, type Keys } from "./keys.ts";
import { listOf, textAt } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";

/** Between beats. */
const BEAT_MS = 1_000;
/** A node that was not heard for so long is dead. */
const DEAD_MS = 3_000;
/** For how long the dead are remembered, so that nothing they wrote late stays. */
const REMEMBER_MS = 3_600_000;

/** What a lease is made of. */
export interface LeaseContext {
  readonly ports: Ports;
  readonly logger: Logger;
  readonly broker: Broker;
  readonly keys: Keys;
  /** How long entries outlive a node that does not come back. */
  readonly graceMs: number;
  /** Ends a channel's entries of a node that is gone. */
  readonly reap: (channel: string, incarnation: string, rememberMs: number) => Promise<void>;
}

/**
 * Who is alive. A node beats each second under an incarnation of its own, and its entries in state channels carry it.
 * When a node has been silent for the grace, any other ends its entries; one bucket after the other, each channel in one
 * act that also refuses whatever the dead node may still write. Doing it twice does nothing.
 */
export class Lease {
  readonly #context: LeaseContext;
  #incarnation: string;
  #beaten = "";
  #timer: Timer | null = null;
  #isClosed = false;
  readonly #reaping = new Set<string>();

  constructor(context: LeaseContext) {
    this.#context = context;
    this.#incarnation = context.ports.id();
  }

  /** What this node's entries carry. */
  get incarnation(): string {
    return this.#incarnation;
  }

  /** Others have declared this node dead. Its entries have ended; it goes on under another incarnation. */
  lost(): void {
    this.#context.logger.warn("This node was out of touch for too long: entries of its sessions have ended.");
    this.#incarnation = this.#context.ports.id();
  }

  start(): void {
    if (this.#isClosed) return;
    this.#timer = this.#context.ports.after(BEAT_MS, () => void this.#tick());
  }

  /** Beats once. */
  async beat(): Promise<readonly string[]> {
    const { broker, graceMs } = this.#context;
    const silenceMs = Math.max(DEAD_MS, graceMs - BEAT_MS / 2);
    const key = this.#nodes;
    const reply = listOf(await broker.run(SHARED_BUCKET, SCRIPTS.beat, [key], [this.#incarnation, silenceMs]));
    const [isNew = 0, ...silent] = reply.map((_, index) => textAt(reply, index));
    // It has beaten before and is not in the list: somebody has buried it.
    if (isNew === "1" && this.#beaten === this.#incarnation) this.lost();
    else this.#beaten = this.#incarnation;
    return silent;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #tick(): Promise<void> {
    try {
      for (const incarnation of await this.beat()) await this.#bury(incarnation);
    } catch {
      // Redis can't be reached. Nobody is dead because of that: all beat again when it can.
    }
    this.start();
  }

  get #nodes(): string {
    return this.#context.keys.of(SHARED_BUCKET, "nodes");
  }

  async #bury(incarnation: string): Promise<void> {
    if (incarnation === this.#incarnation || this.#reaping.has(incarnation) || this.#isClosed) return;
    const { broker, keys, reap } = this.#context;
    this.#reaping.add(incarnation);
    try {
      await Promise.all(
        Array.from({ length: BUCKETS }, async (_, bucket) => {
          const [key, dead] = [keys.of(bucket, `node:${incarnation}`), keys.of(bucket, "dead")];
          // First in every bucket, so that it can write nowhere any more; then what it has written is ended.
          await broker.call(bucket, "HSET", [dead, incarnation, "1"]);
          await broker.call(bucket, "PEXPIRE", [dead, REMEMBER_MS]);
          const channels = listOf(await broker.call(bucket, "SMEMBERS", [key]));
          for (const index of channels.keys()) await reap(textAt(channels, index), incarnation, REMEMBER_MS);
          if (channels.length > 0) await broker.call(bucket, "DEL", [key]);
        }),
      );
      await broker.call(SHARED_BUCKET, "ZREM", [this.#nodes, incarnation]);
    } finally {
      this.#reaping.delete(incarnation);
    }
  }
}
