import type { Ports } from "@carillon/server/backplane";
import { decodeBlock, encodeBlock } from "./block-codec.ts";
import type { Block, LogBlock, StateBlock } from "./block.ts";
import type { KeptBlock } from "./log-assembly.ts";
import { LogReplica, type ReplicaContext, type Step } from "./log-replica.ts";
import { StateReplica, type StateContext, type StateStep } from "./state-replica.ts";
import { TooLarge, Trouble } from "./store-error.ts";
import type { Stream } from "./stream.ts";

/** What a node knows of a channel. */
export type Replica = LogReplica | StateReplica;

/** What a chain tells the channel that it belongs to. */
export interface ChainHost {
  /** A block was applied, in order. */
  stepped(block: Block, step: Step | StateStep): void;
  /** What was known is not what the store has: the replica is another one now, and delivery has a hole. */
  lost(): void;
}

/** What a chain needs. */
export interface ChainContext {
  readonly kind: "log" | "state";
  readonly subject: string;
  readonly stream: () => Promise<Stream>;
  readonly log: ReplicaContext;
  readonly state: StateContext;
  readonly ports: Ports;
  /** Bytes of data in a message at most. */
  readonly dataMax: () => number;
  /** Rejects if the channel exists as one of the other kind. */
  readonly checkKind: () => Promise<void>;
  readonly now: () => number;
  /** A message of this node was stored. */
  readonly stored: (stream: Stream, seq: number) => void;
}

/** Messages that are read one by one before a consumer is made for the rest: each is a round trip, a consumer is several. */
const STEPS_MAX = 24;
/** Attempts to compare with a store that changes meanwhile. */
const PROOFS_MAX = 50;

/**
 * The blocks of one channel: reading them, storing the next one, and finding out that the store is not what it was.
 *
 * A replica is proven if it was compared with the last message of the subject since there was reason to doubt it; then
 * only what comes after it has to be asked for. A reconnect is such a reason: behind the same address may be a store that
 * was restored from an old copy, which goes on with the same sequences and other messages.
 */
export class Chain {
  replica: Replica | null = null;
  readonly #context: ChainContext;
  readonly #host: ChainHost;
  #isProven = false;
  #doubts = 0;

  constructor(context: ChainContext, host: ChainHost) {
    this.#context = context;
    this.#host = host;
  }

  /** False: the replica has to be compared with the store before anything is built on it. */
  get isProven(): boolean {
    return this.#isProven && this.replica !== null;
  }

  /** The store may not be what it was. */
  distrust(): void {
    this.#isProven = false;
    this.#doubts++;
  }

  /** Resolves to a replica that has everything that was stored before the call. Rejects with a {@link Trouble}. */
  async freshen(): Promise<Replica> {
    if (this.#isProven && this.replica !== null && (await this.#follow(this.replica))) return this.replica;
    await this.#prove();
    if (this.replica === null) throw new Trouble("unavailable", "The channel changed too fast to be read.");
    return this.replica;
  }

  /** Makes sure that the replica of a log has everything that is retained. */
  async makeWhole(): Promise<void> {
    const { replica } = this;
    if (replica?.kind !== "log" || replica.isWhole) return;
    const blocks = await this.#readAll();
    const loaded = LogReplica.load(this.#context.log, blocks.filter(isOfLog));
    if (loaded === null) return this.distrust();
    // What one of the two has and the other has not came while they were read.
    for (const { seq, block } of blocks) if (seq > replica.seq && !this.#apply(replica, seq, block)) this.distrust();
    for (let attempt = 0; attempt < PROOFS_MAX && loaded.seq !== replica.seq; attempt++) {
      const isLinked = loaded.seq < replica.seq ? await this.#follow(loaded, true) : await this.#follow(replica);
      if (!isLinked) break;
    }
    if (loaded.nonce === replica.nonce) {
      replica.close();
      this.replica = loaded;
    } else {
      loaded.close();
      this.distrust();
    }
  }

  /** Stores a block on top of the replica, which then has it. False: another node was first, or this one is behind. */
  async append(block: Block): Promise<boolean> {
    const { replica } = this;
    // The block says what it was computed on. The place of that has to be taken before anything is awaited: a message
    // that comes live meanwhile moves the replica, and a block that is stored behind it, but not computed on it, would
    // take its place in the log.
    if (replica === null || block.after !== replica.nonce) return false;
    const expected = replica.seq;
    const bytes = encodeBlock(block);
    const bytesMax = this.#context.dataMax();
    if (bytes.byteLength > bytesMax)
      throw new TooLarge(`Expected at most ${bytesMax} bytes for NATS, got ${bytes.byteLength}.`);
    const doubts = this.#doubts;
    const stream = await this.#context.stream();
    // In a store that was put back meanwhile, the sequence may be that of another message, which the block does not follow.
    if (doubts !== this.#doubts) return false;
    const published = await stream.publish(this.#context.subject, bytes, expected);
    if (!published.ok) {
      if (published.reason === "sequence") return false;
      throw new Trouble("unavailable", `NATS refused a message: ${published.reason}.`);
    }
    this.#context.stored(stream, published.seq);
    // It may have come back by live delivery already.
    if (published.seq > replica.seq && !this.#apply(replica, published.seq, block)) this.distrust();
    else if (doubts === this.#doubts) this.#isProven = true;
    return true;
  }

  /** A message that came live. False: something is missing before it. */
  live(seq: number, last: number, data: Uint8Array): boolean {
    const { replica } = this;
    if (replica === null || seq <= replica.seq) return true;
    if (last !== replica.seq) return false;
    const block = decodeBlock(data);
    if (block !== null && this.#apply(replica, seq, block)) return true;
    this.distrust();
    return false;
  }

  /** One message of the subject as a block; null if it is gone. */
  async blockAt(seq: number): Promise<Block | null> {
    const message = await (await this.#context.stream()).get({ seq });
    return message === null ? null : decodeBlock(message.data);
  }

  /** Begins the first life of the channel. */
  birth(after: string, ids: LogBlock["ids"] = []): Block {
    const { ports, kind, now } = this.#context;
    const nonce = ports.id();
    const common = { epoch: ports.id(), nonce, after, at: now(), isBirth: true };
    if (kind === "state") return { ...common, kind, offset: 0, tag: "0", refreshes: [], changes: [], carried: [] };
    return { ...common, kind, own: { nonce, offset: 0, tag: "0", records: [] }, carried: [], ids };
  }

  /** Lets go of the replica: what comes live is not applied any more. */
  drop(): void {
    this.replica?.close();
    this.replica = null;
    this.#isProven = false;
  }

  /** Keeps of a log only what is needed to follow it. */
  shed(): void {
    const { replica } = this;
    if (replica?.kind !== "log") return;
    this.replica = replica.shed();
    replica.close();
  }

  /** Applies what came after the replica. False if something does not link. */
  async #follow(replica: Replica, isQuiet: boolean = false): Promise<boolean> {
    const stream = await this.#context.stream();
    const { subject } = this.#context;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const message = await stream.get({ seq: replica.seq + 1, next_by_subj: subject });
      if (message === null) return true;
      const block = decodeBlock(message.data) ?? unreadable(subject, message.seq);
      if (!this.#apply(replica, message.seq, block, isQuiet)) return false;
    }
    let isLinked = true;
    await stream.scan(subject, replica.seq + 1, false, ({ seq, data }) => {
      const block = decodeBlock(data);
      isLinked = isLinked && block !== null && this.#apply(replica, seq, block, isQuiet);
    });
    return isLinked;
  }

  async #prove(attempt: number = 0): Promise<void> {
    const doubts = this.#doubts;
    const stream = await this.#context.stream();
    const { subject } = this.#context;
    const known = this.replica?.seq;
    const message = await stream.get({ last_by_subj: subject });
    // Live delivery went on while the question was under way: the answer may be older than what is known by now.
    if (this.replica?.seq !== known) return this.#proveAgain(attempt);
    if (message === null) return this.#begin(stream);
    const block = decodeBlock(message.data) ?? unreadable(subject, message.seq);
    const { replica } = this;
    if (replica === null || !(await this.#isSame(replica, message.seq, block))) {
      await this.#adopt(message.seq, block);
      if (replica !== null) this.#host.lost();
    }
    this.#isProven = doubts === this.#doubts;
  }

  async #proveAgain(attempt: number): Promise<void> {
    if (attempt >= PROOFS_MAX) throw new Trouble("unavailable", "The channel changed too fast to be compared.");
    return this.#prove(attempt + 1);
  }

  /** True if the last message of the subject is the replica's, or comes after it in an unbroken chain. */
  async #isSame(replica: Replica, seq: number, last: Block): Promise<boolean> {
    if (replica.seq === seq) return replica.nonce === last.nonce;
    return replica.seq < seq && (await this.#follow(replica));
  }

  async #adopt(seq: number, last: Block): Promise<void> {
    const { log, state } = this.#context;
    this.drop();
    if (last.kind === "log") this.replica = LogReplica.head(log, seq, last);
    else this.replica = StateReplica.load(state, (await this.#readAll()).filter(isOfState));
  }

  /** Nobody has used the channel, or it was forgotten: it gets a first block, which says under which epoch it lives. */
  async #begin(stream: Stream): Promise<void> {
    const hadReplica = this.replica !== null;
    this.drop();
    await this.#context.checkKind();
    const block = this.birth("");
    const published = await stream.publish(this.#context.subject, encodeBlock(block), 0);
    if (!published.ok) {
      // Another node was first: its block is there now.
      if (published.reason === "sequence") return this.#prove();
      throw new Trouble("unavailable", `NATS refused a message: ${published.reason}.`);
    }
    const { log, state } = this.#context;
    this.#context.stored(stream, published.seq);
    this.replica = block.kind === "log" ? new LogReplica(log) : new StateReplica(state);
    this.#apply(this.replica, published.seq, block, true);
    if (hadReplica) this.#host.lost();
    this.#isProven = true;
  }

  /** All blocks of the subject, in order. */
  async #readAll(): Promise<KeptBlock<Block>[]> {
    const stream = await this.#context.stream();
    const { subject } = this.#context;
    const blocks: KeptBlock<Block>[] = [];
    let from = 1;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const message = await stream.get({ seq: from, next_by_subj: subject });
      if (message === null) return blocks;
      blocks.push({ seq: message.seq, block: decodeBlock(message.data) ?? unreadable(subject, message.seq) });
      from = message.seq + 1;
    }
    const unread: number[] = [];
    await stream.scan(subject, from, false, ({ seq, data }) => {
      const block = decodeBlock(data);
      if (block === null) unread.push(seq);
      else blocks.push({ seq, block });
    });
    if (unread[0] !== undefined) unreadable(subject, unread[0]);
    return blocks;
  }

  #apply(replica: Replica, seq: number, block: Block, isQuiet: boolean = false): boolean {
    if (seq <= replica.seq) return true;
    const step =
      replica.kind === "log"
        ? block.kind === "log" && replica.apply(seq, block)
        : block.kind === "state" && replica.apply(seq, block);
    if (step === null || step === false) return false;
    if (!isQuiet) this.#host.stepped(block, step);
    return true;
  }
}

function unreadable(subject: string, seq: number): never {
  throw new Trouble("unavailable", `Message ${seq} of ${subject} is not of a format that this version knows.`);
}

function isOfLog(kept: KeptBlock<Block>): kept is KeptBlock<LogBlock> {
  return kept.block.kind === "log";
}

function isOfState(kept: KeptBlock<Block>): kept is KeptBlock<StateBlock> {
  return kept.block.kind === "state";
}
