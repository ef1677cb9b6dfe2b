import type { Ports } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import { BUCKETS, SHARED_BUCKET, type Keys } from "./keys.ts";
import { SCRIPTS } from "./scripts.ts";

/**
 * The identity of the memory of publication ids. It stands in one place for all nodes, and in each bucket as a mark
 * beside the ids: a bucket without its mark has lost its memory (FLUSHALL, a shard that came back empty), and then the
 * whole cluster begins a new epoch, so that no publish is repeated that can't be checked (P3).
 */
export class IdsEpoch {
  readonly #broker: Broker;
  readonly #keys: Keys;
  readonly #ports: Ports;
  #current = "";
  #renewing: Promise<void> | null = null;

  constructor(broker: Broker, keys: Keys, ports: Ports) {
    this.#broker = broker;
    this.#keys = keys;
    this.#ports = ports;
  }

  get current(): string {
    return this.#current;
  }

  /** Finds the epoch in force, or begins the first. */
  async open(): Promise<void> {
    this.#current = String(await this.#renew(""));
    await this.#mark(true);
  }

  /** A bucket has another mark, or none. Finds out which epoch is in force, and begins a new one if it is still ours. */
  lost(): Promise<void> {
    this.#renewing ??= this.#again().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #again(): Promise<void> {
    const before = this.#current;
    const stored = await this.#broker.call(SHARED_BUCKET, "GET", [this.#key]);
    const known = Buffer.isBuffer(stored) ? stored.toString() : "";
    // Another node has renewed it already, and marks the buckets.
    this.#current = known !== "" && known !== before ? known : String(await this.#renew(before));
    await this.#mark(false);
  }

  async #renew(lost: string): Promise<unknown> {
    const reply = await this.#broker.run(SHARED_BUCKET, SCRIPTS.renewEpoch, [this.#key], [lost, this.#ports.id()]);
    return Buffer.isBuffer(reply) ? reply.toString() : reply;
  }

  /** Marks every bucket; those that have a mark keep it if `onlyMissing`. One round trip, since calls are pipelined. */
  async #mark(onlyMissing: boolean): Promise<void> {
    const options = onlyMissing ? ["NX"] : [];
    await Promise.all(
      Array.from({ length: BUCKETS }, (_, bucket) =>
        this.#broker.call(bucket, "SET", [this.#keys.of(bucket, "mark"), this.#current, ...options]),
      ),
    );
  }

  get #key(): string {
    return this.#keys.of(SHARED_BUCKET, "epoch");
  }
}
