import {
  OUT_OF_ORDER,
  wrongKind,
  type BackplaneContext,
  type ChannelOptions,
  type Failure,
  type Timer,
} from "@carillon/server/backplane";
import type { Block } from "./block.ts";
import { Chain, type ChainContext, type ChainHost, type Replica } from "./chain.ts";
import { failAll, heldScopes, scopeOf, scopesOf, settle, type Operation, type Question } from "./channel-operation.ts";
import { Drafter, type Draft } from "./drafter.ts";
import type { IdMemory } from "./id-memory.ts";
import type { Step } from "./log-replica.ts";
import type { StateStep } from "./state-replica.ts";
import { TooLarge, Trouble } from "./store-error.ts";
import { Upkeep } from "./upkeep.ts";

/** What a channel needs of its store. */
export interface ChannelContext {
  readonly backplane: BackplaneContext;
  readonly ids: IdMemory;
  /** Store time. */
  readonly now: () => number;
  /** This node. */
  readonly node: string;
  /** True if a node has been silent for so long that what it left ends. */
  readonly isDead: (node: string) => boolean;
  /** False while this node may not know whose access was revoked: nothing is asked of the store, or handed out (P7). */
  readonly isCaughtUp: () => boolean;
  readonly idempotencyEpoch: () => string;
  /** How long an operation may try before it fails. */
  readonly patienceMs: number;
  /** True once the store could not be reached for that long. */
  readonly isDown: () => boolean;
  /** What all channels of this node have to do. */
  readonly load: { operations: number };
  /** For how long blocks of a log last at least. */
  readonly logAgeMs: number;
}

/** The channel exists, and is of the other kind. */
export class WrongKind extends Error {}

/** A block that was sent, and nobody knows whether it was stored. */
interface Unknown {
  readonly nonce: string;
  readonly operations: readonly Operation[];
  readonly results: Draft["results"];
}

/** Between attempts while the store can't be reached. */
const RETRY_MS = 50;
/** Questions answered, or requests judged, in one go. */
const BATCH_MAX = 500;

/**
 * One channel on this node: what it was asked, one thing after the other. Publishes that wait go out together, as one
 * block, so the more there is to do the less each costs; of several nodes that publish at once, one is first, and the
 * others judge their requests again by what it did.
 */
export class Channel implements ChainHost {
  readonly name: string;
  readonly chain: Chain;
  /** The latest options that it was used with. */
  options: ChannelOptions;
  isSubscribed = false;
  /** Monotonic time of the last use. */
  usedAt = 0;
  readonly #context: ChannelContext;
  readonly #upkeep: Upkeep;
  readonly #drafter: Drafter;
  #queue: Operation[] = [];
  #unknown: Unknown[] = [];
  #isRunning = false;
  #isClosed = false;
  #ending: Timer | null = null;

  constructor(name: string, options: ChannelOptions, context: ChannelContext, chain: ChainContext) {
    this.name = name;
    this.options = options;
    this.#context = context;
    this.chain = new Chain(chain, this);
    this.#drafter = new Drafter(context);
    this.#upkeep = new Upkeep(this.chain, chain, context, this.#drafter);
  }

  /** True while nothing is asked of it. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** Does what it is asked, after what it was asked before. */
  enqueue(operation: Operation): void {
    const { ports } = this.#context.backplane;
    if (this.#isClosed) return failAll([operation], unavailable("unavailable", "The store is closed."));
    this.usedAt = ports.monotonicMs();
    this.#queue.push(operation);
    this.#context.load.operations++;
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Not at once: what is asked in the same call goes out in the same block.
    queueMicrotask(() => void this.#run());
  }

  /** Ends everything: what is asked and not yet answered fails. */
  close(): void {
    this.#isClosed = true;
    this.#ending?.cancel();
    failAll(this.#take(this.#queue), unavailable("unavailable", "The store is closed."));
    this.chain.drop();
  }

  /** Something may be missing: reads what there is, and delivers it. */
  sync(): void {
    this.enqueue({ type: "ask", deadline: this.deadline(), needsWhole: never, answer: nothing, fail: nothing });
  }

  /** Ends what dead nodes have left behind. */
  reap(): void {
    const { replica } = this.chain;
    const { isDead } = this.#context;
    if (replica?.kind === "state" && replica.nodes.some((node) => isDead(node))) this.#work(() => this.#upkeep.reap());
  }

  /** Writes the head of a quiet log anew, before it is so old that NATS deletes it. */
  keepAlive(): void {
    const { replica } = this.chain;
    if (replica?.kind !== "log" || !this.isSubscribed) return;
    const ageMs = Math.max(this.options.historyTtlMs, this.#context.logAgeMs);
    if (replica.at < this.#context.now() - ageMs) this.#work(() => this.#upkeep.renewHead());
  }

  /** The monotonic time until which an operation that comes now may try. */
  deadline(): number {
    const { patienceMs, isDown, backplane } = this.#context;
    return backplane.ports.monotonicMs() + (isDown() ? 0 : patienceMs);
  }

  stepped(block: Block, { prev, pos, records, isBirth }: Step | StateStep): void {
    const { sink } = this.#context.backplane;
    if (this.isSubscribed && !this.#isClosed) {
      // An empty delivery that does not link to anything tells every subscriber to look, and so to find the gap.
      if (isBirth) sink.deliver(this.name, pos, pos, []);
      else if (records.length > 0) sink.deliver(this.name, prev, pos, records);
    }
    this.#endLater();
    const landed = this.#unknown.find(({ nonce }) => nonce === block.nonce);
    if (landed === undefined) return;
    this.#unknown = this.#unknown.filter((one) => one !== landed);
    this.#settle(landed.operations, landed.results);
  }

  lost(): void {
    // Whether they landed can't be found out any more.
    const left = this.#unknown.splice(0).flatMap(({ operations }) => operations);
    this.#giveUp(left, unavailable("timeout", "The store did not say whether the publish was stored."));
    const { sink } = this.#context.backplane;
    if (this.isSubscribed && !this.#isClosed) sink.suspect(this.name);
    // The entries that this node's sessions own may not be there any more.
    if (this.options.kind === "state" && !this.#isClosed) sink.ownershipLost([this.name]);
    this.#endLater();
  }

  async #run(): Promise<void> {
    for (let next = this.#queue[0]; next !== undefined && !this.#isClosed; next = this.#queue[0]) {
      try {
        await this.#do(next);
      } catch (error) {
        await this.#troubled(error);
      }
    }
    this.#isRunning = false;
  }

  async #do(next: Operation): Promise<void> {
    if (!this.#context.isCaughtUp())
      throw new Trouble("unavailable", "Messages between nodes are caught up with first.");
    switch (next.type) {
      case "ask":
        return this.#answer(next);
      case "append":
      case "apply":
        return this.#commit(next.type);
      case "remove": {
        const top = await this.#upkeep.remove();
        this.#take([next]);
        return next.done({ ok: true, value: top });
      }
      case "upkeep":
        await next.work();
        this.#take([next]);
        return;
    }
  }

  async #answer(first: Question): Promise<void> {
    const asked = leading(this.#queue, "ask");
    const replica = await this.chain.freshen();
    if (first.needsWhole(replica)) {
      await this.chain.makeWhole();
      if (replica.kind === "log" && replica.dirty.size > 0) this.#work(() => this.#upkeep.clean());
    }
    // The timer may be late, and nobody may see an entry whose time is over.
    await this.#upkeep.expire();
    await this.#upkeep.reap();
    const fresh = this.chain.replica;
    if (fresh === null) return;
    // Nothing is awaited from here on, so what is answered is what was just read.
    const ready = asked.filter(
      (question): question is Question => question.type === "ask" && !(isPartial(fresh) && question.needsWhole(fresh)),
    );
    this.#take(ready);
    for (const question of ready) question.answer(fresh);
  }

  async #commit(type: "append" | "apply"): Promise<void> {
    const { chain } = this;
    if (!chain.isProven) await chain.freshen();
    await chain.makeWhole();
    const { replica } = chain;
    if (replica === null || isPartial(replica)) return;
    const operations = leading(this.#queue, type);
    const draft = this.#drafter.draft(replica, operations);
    try {
      await this.#carryOut(draft, replica, operations);
    } finally {
      this.#context.ids.release(draft.reserved);
    }
  }

  async #carryOut(draft: Draft, replica: Replica, operations: readonly Operation[]): Promise<void> {
    const { chain } = this;
    const taken = operations.slice(0, draft.results.length);
    if (taken.length === 0) return;
    if (draft.block === null) {
      // What is refused, or was done before, is judged by what the store has now.
      const { seq } = replica;
      await chain.freshen();
      if (chain.replica === replica && replica.seq === seq) this.#settle(taken, draft.results);
      return;
    }
    if (!(await this.#append(draft, taken))) return this.#beaten(taken);
    if (draft.hasErasure) await this.#upkeep.clean().catch((error: unknown) => this.#logTrouble(error));
    this.#settle(taken, draft.results);
    await this.#upkeep.afterCommit(this.options);
  }

  async #append({ block, results }: Draft, operations: readonly Operation[]): Promise<boolean> {
    if (block === null) return true;
    try {
      return await this.chain.append(block);
    } catch (error) {
      this.chain.distrust();
      // It may be stored all the same, or be so later: it is known by its nonce if it comes.
      if (error instanceof Trouble && error.kind === "timeout")
        this.#unknown.push({ nonce: block.nonce, operations, results });
      throw error;
    }
  }

  async #beaten(operations: readonly Operation[]): Promise<void> {
    await this.chain.freshen();
    const [first] = operations;
    if (first === undefined || first.deadline > this.#context.backplane.ports.monotonicMs()) return;
    this.#giveUp(operations, unavailable("overloaded", "Too many nodes change the channel at once; try again."));
  }

  async #troubled(error: unknown): Promise<void> {
    if (error instanceof WrongKind) {
      const { kind } = this.options;
      return failAll(this.#take(this.#queue), wrongKind(this.name, kind));
    }
    const { ports, logger } = this.#context.backplane;
    const [first] = this.#queue;
    // Blocks are made so small that only one record alone can be too large for NATS.
    if (error instanceof TooLarge && first !== undefined)
      return failAll(this.#take([first]), unavailable("too_large", error.message));
    if (!(error instanceof Trouble)) {
      logger.error("A channel of the store failed.", { error: String(error) });
      return failAll(this.#take(this.#queue), unavailable("internal", "The store failed; the server's log says how."));
    }
    if (first === undefined) return;
    if (first.deadline <= ports.monotonicMs()) {
      this.#unknown = [];
      return failAll(this.#take(this.#queue), unavailable(error.kind, error.message));
    }
    await new Promise<void>((resolve) => void ports.after(RETRY_MS, resolve));
  }

  #settle(operations: readonly Operation[], results: Draft["results"]): void {
    const taken = new Set(this.#take(operations));
    const behind = this.#takeBehind(heldScopes(operations, results));
    for (const [index, operation] of operations.entries()) {
      const result = results[index];
      if (result !== undefined && taken.has(operation)) settle(operation, result);
    }
    for (const operation of behind) settle(operation, OUT_OF_ORDER);
  }

  /** Fails operations that are to be sent again, and with them what must not overtake them. */
  #giveUp(operations: readonly Operation[], failure: Failure): void {
    const taken = this.#take(operations);
    failAll([...taken, ...this.#takeBehind(scopesOf(taken))], failure);
  }

  /** Takes publishes of these scopes out of the queue: they are behind one that has to be sent again first. */
  #takeBehind(scopes: ReadonlySet<string>): Operation[] {
    if (scopes.size === 0) return [];
    return this.#take(this.#queue.filter((one) => one.type === "append" && scopes.has(scopeOf(one.request))));
  }

  /** Takes operations out of the queue; returns those that were still in it. */
  #take(operations: readonly Operation[]): Operation[] {
    if (
      operations.length <= this.#queue.length &&
      operations.every((operation, index) => this.#queue[index] === operation)
    ) {
      this.#context.load.operations -= operations.length;
      return this.#queue.splice(0, operations.length);
    }
    const wanted = new Set(operations);
    const taken = this.#queue.filter((operation) => wanted.has(operation));
    if (taken.length > 0) this.#queue = this.#queue.filter((operation) => !wanted.has(operation));
    this.#context.load.operations -= taken.length;
    return taken;
  }

  #work(work: () => Promise<void>): void {
    this.enqueue({ type: "upkeep", deadline: this.deadline(), work });
  }

  #endLater(): void {
    const { replica } = this.chain;
    const next = replica?.kind === "state" ? replica.nextEnd : null;
    if (next === null || this.#ending !== null || this.#isClosed) return;
    const { ports } = this.#context.backplane;
    this.#ending = ports.after(Math.max(1, next - this.#context.now()), () => {
      this.#ending = null;
      this.#work(async () => {
        await this.#upkeep.expire();
        this.#endLater();
      });
    });
  }

  #logTrouble(error: unknown): void {
    const { logger } = this.#context.backplane;
    logger.warn("An erased payload is still on the disk of NATS; it is tried again.", { error: String(error) });
  }
}

/** The operations at the start of a queue that are of one type. */
function leading(queue: readonly Operation[], type: Operation["type"]): Operation[] {
  const operations: Operation[] = [];
  for (const operation of queue) {
    if (operation.type !== type || operations.length === BATCH_MAX) break;
    operations.push(operation);
  }
  return operations;
}

function isPartial(replica: Replica): boolean {
  return replica.kind === "log" && !replica.isWhole;
}

/** A failure of the store. */
export function unavailable(code: Failure["code"], message: string): Failure {
  return { ok: false, code, message };
}

function never(): boolean {
  return false;
}

function nothing(): void {}
