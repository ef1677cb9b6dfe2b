import type { ClusterNode, Logger, Ports, Timer } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import { BUCKETS, SHARED_BUCKET, type Keys } from "./keys.ts";
import { listOf, textAt } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";

/** Between beats. By so much earlier than a node dies may it have been heard last. */
const BEAT_MS = 400;
/** A node that was not heard for so long is dead. */
const DEAD_MS = 3_000;
/** So long before the grace is over, counted from the last beat, the ends begin: by then all must be through. */
const REAPING_MS = 1_200;
/** Without a beat of anybody for so long, it was Redis that was away. */
const OUTAGE_MS = 2_000;
/** For how long the dead are remembered, so that nothing they wrote late stays. */
const REMEMBER_MS = 3_600_000;
/** Clocks of timers and of Redis differ by a little. */
const SLACK_MS = 2;

/** What a lease is made of. */
export interface LeaseContext {
  readonly ports: Ports;
  readonly logger: Logger;
  readonly broker: Broker;
  readonly keys: Keys;
  /** How long entries outlive a node that does not come back. */
  readonly graceMs: number;
  /** Ends a channel's entries of a node that is gone. */
  readonly reap: (channel: string, incarnation: string) => Promise<void>;
  /** What this node's sessions own may have ended, and is to be set again under another incarnation. */
  readonly onLost: () => void;
}

/**
 * Who is alive. A node beats every 0.4 s under an incarnation of its own, and its entries in state channels carry it.
 * When a node has been silent for nearly the grace, any other ends its entries, at that moment and not at its next beat;
 * all buckets at once, each channel in few acts, after which whatever the dead node may still write is refused. Doing it
 * twice does nothing.
 *
 * An incarnation is the node's id, when it began, and a number that grows each time the node begins anew. Nothing is written
 * under one before it is in the list of nodes: what a node leaves that dies before its next beat, or whose beat a Redis that went
 * back has forgotten, would be nobody's, and never end.
 */
export class Lease {
  readonly id: string;
  readonly #context: LeaseContext;
  readonly #since: number;
  #turn = 0;
  /** The next incarnation is wanted, and not yet in the list. */
  #isBeginning = false;
  #beaten = "";
  #timer: Timer | null = null;
  #isClosed = false;
  readonly #reaping = new Set<string>();

  constructor(context: LeaseContext) {
    this.#context = context;
    this.id = context.ports.id();
    this.#since = context.ports.wallMs();
  }

  /** What this node's entries carry. */
  get incarnation(): string {
    return this.#incarnation(this.#turn);
  }

  /** Others have declared an incarnation of this node dead. If it is that of now, the node goes on under another one. */
  lost(incarnation: string): void {
    if (this.#isBeginning || incarnation !== this.incarnation) return;
    this.#context.logger.warn("This node was out of touch for too long: entries of its sessions are set again.");
    this.#beginAnew();
  }

  /**
   * Redis was away, and may be what it was some time ago. What living sessions own is set again under another incarnation;
   * what still carries the one of before, because Redis has forgotten its end, ends with that.
   */
  returned(): void {
    this.#beginAnew();
  }

  start(): void {
    this.#wait(BEAT_MS);
  }

  /** Beats once. Resolves to ms until the next node falls silent, and those that have. */
  async beat(): Promise<{ readonly nextMs: number; readonly silent: readonly string[] }> {
    const { broker, graceMs } = this.#context;
    const silenceMs = Math.max(DEAD_MS, graceMs - REAPING_MS);
    const turn = this.#isBeginning ? this.#turn + 1 : this.#turn;
    const incarnation = this.#incarnation(turn);
    const reply = listOf(
      await broker.run(SHARED_BUCKET, SCRIPTS.beat, [this.#nodes], [incarnation, silenceMs, OUTAGE_MS]),
    );
    const [isNew = 0, nextMs = BEAT_MS, ...silent] = reply.map((_, index) => textAt(reply, index));
    if (turn > this.#turn) this.#begin(turn);
    // It has beaten before and is not in the list: somebody has buried it, or Redis has forgotten it.
    if (isNew === "1" && this.#beaten === incarnation) this.lost(incarnation);
    else this.#beaten = incarnation;
    return { nextMs: Number(nextMs), silent };
  }

  /** The nodes that are alive. Rejects with what went wrong. */
  async nodes(): Promise<readonly ClusterNode[]> {
    const { broker } = this.#context;
    const names = listOf(await broker.run(SHARED_BUCKET, SCRIPTS.nodes, [this.#nodes, this.#left], [DEAD_MS]));
    const found = new Map<string, ClusterNode>([[this.id, { id: this.id, since: this.#since }]]);
    for (const index of names.keys()) {
      const [id = "", since = "0"] = textAt(names, index).split(".");
      found.set(id, { id, since: Number.parseInt(since, 36) });
    }
    return [...found.values()];
  }

  /** Says that this node leaves. Never rejects: others notice it by its silence. */
  async leave(): Promise<void> {
    const { broker, logger } = this.#context;
    try {
      await broker.run(SHARED_BUCKET, SCRIPTS.leave, [this.#nodes, this.#left], [this.incarnation]);
    } catch (error) {
      logger.debug("Redis could not be told that this node leaves.", { error: String(error) });
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #incarnation(turn: number): string {
    return [this.id, this.#since.toString(36), turn.toString(36)].join(".");
  }

  /** Beats for the next incarnation, at once; with every beat again, until Redis has it. */
  #beginAnew(): void {
    if (this.#isClosed) return;
    this.#isBeginning = true;
    void this.#tick();
  }

  #begin(turn: number): void {
    this.#turn = turn;
    this.#isBeginning = false;
    this.#context.onLost();
  }

  #wait(ms: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#context.ports.after(ms, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    let waitMs = BEAT_MS;
    this.#wait(BEAT_MS);
    try {
      const { nextMs, silent } = await this.beat();
      waitMs = Math.min(BEAT_MS, nextMs + SLACK_MS);
      // While many channels are reaped, the node beats on.
      for (const incarnation of silent) void this.#bury(incarnation);
    } catch {
      // Redis can't be reached. Nobody is dead because of that: all beat again when it can.
    }
    if (waitMs < BEAT_MS) this.#wait(waitMs);
  }

  get #nodes(): string {
    return this.#context.keys.of(SHARED_BUCKET, "nodes");
  }

  get #left(): string {
    return this.#context.keys.of(SHARED_BUCKET, "left");
  }

  async #bury(incarnation: string): Promise<void> {
    if (incarnation === this.incarnation || this.#reaping.has(incarnation) || this.#isClosed) return;
    const { broker, logger } = this.#context;
    this.#reaping.add(incarnation);
    try {
      await Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => this.#buryIn(bucket, incarnation)));
      await broker.call(SHARED_BUCKET, "ZREM", [this.#nodes, incarnation]);
      await broker.call(SHARED_BUCKET, "SREM", [this.#left, incarnation]);
    } catch (error) {
      // It is still in the list, and the next beat tells of it again.
      logger.debug("Entries of a dead node could not be ended yet.", { error: String(error) });
    } finally {
      this.#reaping.delete(incarnation);
    }
  }

  async #buryIn(bucket: number, incarnation: string): Promise<void> {
    const { broker, keys, reap } = this.#context;
    const [channels, dead] = [keys.of(bucket, `node:${incarnation}`), keys.of(bucket, "dead")];
    // First it can write nowhere in the bucket any more; then what it has written is ended.
    const names = listOf(await broker.run(bucket, SCRIPTS.bury, [dead, channels], [incarnation, REMEMBER_MS]));
    for (const index of names.keys()) await reap(textAt(names, index), incarnation);
    if (names.length > 0) await broker.call(bucket, "DEL", [channels]);
  }
}
