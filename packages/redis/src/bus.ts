import type { Answer, ClusterNode, Control, ControlMessage, Failure, Logger, Ports } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import { SHARED_BUCKET, type Keys } from "./keys.ts";
import type { Lease } from "./lease.ts";
import { bytesAt, listOf, textAt } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";

/** Messages caught up with in one go. */
const PAGE = 1_000;
/** What goes out as one message, at most: so many, or so many characters. */
const BATCH_MAX = 500;
const BATCH_CHARACTERS = 65_536;
/** Messages that wait for Redis at most; those of longest ago are let go of first. */
const WAITING_MAX = 10_000;

/** What the bus is made of. */
export interface BusContext {
  readonly ports: Ports;
  readonly broker: Broker;
  readonly keys: Keys;
  readonly logger: Logger;
  /** Messages that are kept for those who miss them. */
  readonly kept: number;
  readonly lease: () => Pick<Lease, "id" | "nodes">;
  readonly explain: (error: unknown) => Failure;
  readonly onControl: (message: ControlMessage) => void;
  /** What was sent while this node was cut off has been handed on. */
  readonly onCaughtUp: () => void;
}

/**
 * The control bus: a stream that keeps messages for a while, and a shard channel that brings them at once. Whoever misses
 * one live, by a broken connection or in other ways, reads it from the stream with the next look. The node's own messages
 * take effect at once, Redis or no Redis, and are sent when it can be reached.
 */
export class Bus implements Control {
  readonly #context: BusContext;
  /** Tells this node's messages from others'. */
  readonly #self: string;
  readonly #waiting: string[] = [];
  /** The last message of the stream that was handed on. */
  #last = "";
  #isSending = false;
  #isCatchingUp = false;
  #isAsked = false;
  /** Grows with each doubt, so that a page that was asked for before is not taken for an answer to it. */
  #doubts = 0;
  #isCaughtUp = true;
  readonly #caughtUp: (() => void)[] = [];
  #isClosed = false;

  constructor(context: BusContext) {
    this.#context = context;
    this.#self = context.ports.id();
  }

  /** The shard channel. */
  get live(): string {
    return this.#context.keys.of(SHARED_BUCKET, "bus");
  }

  get node(): string {
    return this.#context.lease().id;
  }

  nodes(done: (answer: Answer<readonly ClusterNode[]>) => void): void {
    void this.#tellNodes(done);
  }

  /** Begins behind a message of its own: what came after it and is gone some time was missed. */
  async open(): Promise<void> {
    const { broker, kept } = this.#context;
    const args = [this.live, kept, JSON.stringify([this.#self, []])];
    const id = await broker.run(SHARED_BUCKET, SCRIPTS.send, [this.#stream], args);
    this.#last = textAt([id], 0);
    broker.listen(this.live, SHARED_BUCKET);
  }

  send(message: ControlMessage): void {
    if (this.#isClosed) return;
    this.#context.onControl(message);
    if (this.#waiting.length === WAITING_MAX) {
      this.#waiting.shift();
      this.#context.logger.warn("A message between nodes was dropped: too many wait for Redis.");
    }
    this.#waiting.push(JSON.stringify(message));
    void this.#sendWaiting();
  }

  /** False while messages may have been missed, a revocation among them: nothing may be delivered until it is true (P7). */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** Messages may be missed from now on, until they have been read. */
  doubt(): void {
    this.#doubts++;
    this.#isCaughtUp = false;
  }

  /** Resolves when nothing is missed any more; after the close too, so that nobody waits for ever. */
  async caughtUp(): Promise<void> {
    if (!this.#isCaughtUp && !this.#isClosed) await new Promise<void>((resolve) => this.#caughtUp.push(resolve));
  }

  /** A message on the shard channel. One that does not follow the last is looked up, with what is between. */
  message(): void {
    void this.catchUp();
  }

  /** Hands on what the stream has that was not handed on yet, and sends what waits. Never rejects. */
  async catchUp(): Promise<void> {
    void this.#sendWaiting();
    this.#isAsked = true;
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    try {
      // What was told of while the last page was on its way may not be in it.
      for (; this.#isAsked && !this.#isClosed; await this.#read()) this.#isAsked = false;
    } catch {
      // The next look makes up for it.
    } finally {
      this.#isCatchingUp = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#context.broker.unlisten(this.live);
    for (const resolve of this.#caughtUp.splice(0)) resolve();
  }

  /** Resolves when what was sent is on its way or can't be for now. */
  async end(): Promise<void> {
    await this.#sendWaiting();
  }

  get #stream(): string {
    return this.#context.keys.of(SHARED_BUCKET, "messages");
  }

  async #read(): Promise<void> {
    const { broker, onCaughtUp, onControl } = this.#context;
    const doubts = this.#doubts;
    for (let isMore = true; isMore && !this.#isClosed;) {
      const reply = listOf(await broker.run(SHARED_BUCKET, SCRIPTS.messages, [this.#stream], [this.#last, PAGE]));
      // Whatever was said in them may have been about sessions of this node.
      if (textAt(reply, 0) === "1") onControl({ type: "missed" });
      const found = listOf(reply[1]);
      for (const item of found) {
        const [, fields] = listOf(item);
        this.#last = textAt(listOf(item), 0);
        this.#hand(bytesAt(listOf(fields), 1).toString());
      }
      isMore = found.length === PAGE;
    }
    if (this.#isCaughtUp || this.#doubts !== doubts) return;
    this.#isCaughtUp = true;
    for (const resolve of this.#caughtUp.splice(0)) resolve();
    onCaughtUp();
  }

  #hand(text: string): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Nodes of one cluster write nothing else there.
    const [from, messages] = JSON.parse(text) as [string, readonly ControlMessage[]];
    if (from !== this.#self) for (const message of messages) this.#context.onControl(message);
  }

  /** What waits, as one message: thousands of instances that come back are told of by far fewer. */
  #nextBatch(): string[] {
    let count = 0;
    let size = 0;
    for (const { length } of this.#waiting) {
      size += length;
      if (count > 0 && (size > BATCH_CHARACTERS || count === BATCH_MAX)) break;
      count++;
    }
    return this.#waiting.slice(0, count);
  }

  async #tellNodes(done: (answer: Answer<readonly ClusterNode[]>) => void): Promise<void> {
    let answer: Answer<readonly ClusterNode[]>;
    try {
      answer = { ok: true, value: await this.#context.lease().nodes() };
    } catch (error) {
      answer = this.#context.explain(error);
    }
    done(answer);
  }

  async #sendWaiting(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    const { broker, kept } = this.#context;
    try {
      for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
        const text = `["${this.#self}",[${batch.join(",")}]]`;
        await broker.run(SHARED_BUCKET, SCRIPTS.send, [this.#stream], [this.live, kept, text]);
        // The oldest may have been let go of meanwhile.
        while (batch.length > 0 && this.#waiting[0] !== batch[0]) batch.shift();
        this.#waiting.splice(0, batch.length);
      }
    } catch {
      // They may have arrived; they are sent again with the next look, and every message may be acted on twice.
    } finally {
      this.#isSending = false;
    }
  }
}
