import {
  ControlQueue,
  type Answer,
  type ClusterNode,
  type Control,
  type ControlMessage,
  type Failure,
  type Logger,
  type Ports,
} from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import { SHARED_BUCKET, type Keys } from "./keys.ts";
import type { Lease } from "./lease.ts";
import { bytesAt, listOf, textAt } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";

/** Messages caught up with in one go. */
const PAGE = 1_000;

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
 * The control bus: a stream that keeps messages for a while, and a shard channel that brings them at once, each with the
 * id of the one before it. Whoever misses one live, by a broken connection or in other ways, reads it from the stream: when
 * the next one comes, or with the next look. The node's own messages take effect at once, Redis or no Redis, and are
 * sent when it can be reached.
 */
export class Bus implements Control {
  readonly #context: BusContext;
  readonly #queue: ControlQueue;
  /** The last message of the stream that was handed on. */
  #last = "";
  /** What is under way. */
  #sending: Promise<void> | null = null;
  #reading: Promise<void> | null = null;
  /** Grows with each doubt, so that a page that was asked for before is not taken for an answer to it. */
  #doubts = 0;
  #isCaughtUp = true;
  readonly #caughtUp: (() => void)[] = [];
  #isClosed = false;

  constructor(context: BusContext) {
    this.#context = context;
    const { ports, logger } = context;
    this.#queue = new ControlQueue({ self: ports.id(), logger, broker: "Redis" });
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
    this.#last = textAt([await this.#publish('["",[]]')], 0);
    this.#context.broker.listen(this.live, SHARED_BUCKET);
  }

  send(message: ControlMessage): void {
    if (this.#isClosed) return;
    this.#context.onControl(message);
    this.#queue.push(message);
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
  message(message: Buffer): void {
    const [before = "", id = "", batch = ""] = message.toString().split("\n");
    const follows = before === this.#last && this.#isCaughtUp && this.#reading === null && !this.#isClosed;
    if (follows) this.#hand(id, batch);
    else void this.catchUp();
  }

  /** Hands on what the stream has from before the call and was not handed on yet, and sends what waits. Never rejects. */
  async catchUp(): Promise<void> {
    void this.#sendWaiting();
    // One that is under way may have begun too early for what this call is about.
    await this.#reading;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = null;
    });
    await this.#reading;
  }

  close(): void {
    this.#isClosed = true;
    this.#context.broker.unlisten(this.live);
    for (const resolve of this.#caughtUp.splice(0)) resolve();
  }

  /** Resolves when what was sent is with Redis, or can't be for now. */
  async end(): Promise<void> {
    await this.#sendWaiting();
  }

  get #stream(): string {
    return this.#context.keys.of(SHARED_BUCKET, "messages");
  }

  async #readAll(): Promise<void> {
    try {
      await this.#read();
    } catch {
      // The next look makes up for it.
    }
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
        this.#hand(textAt(listOf(item), 0), bytesAt(listOf(fields), 1).toString());
      }
      isMore = found.length === PAGE;
    }
    if (this.#isCaughtUp || this.#doubts !== doubts) return;
    this.#isCaughtUp = true;
    for (const resolve of this.#caughtUp.splice(0)) resolve();
    onCaughtUp();
  }

  #hand(id: string, batch: string): void {
    this.#last = id;
    try {
      for (const message of this.#queue.read(batch)) this.#context.onControl(message);
    } catch (error) {
      this.#context.logger.warn("A message between nodes can't be read.", { error: String(error) });
    }
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
    if (this.#queue.isEmpty) return;
    this.#sending ??= this.#sendAll();
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    try {
      for (let batch = this.#queue.next(); batch !== null; batch = this.#queue.next()) {
        await this.#publish(batch);
        this.#queue.sent();
      }
    } catch {
      // They may have arrived; they are sent again with the next look, and every message may be acted on twice.
    } finally {
      this.#sending = null;
    }
  }

  /** Resolves to the id of the message. */
  #publish(batch: string): Promise<unknown> {
    const { broker, kept } = this.#context;
    return broker.run(SHARED_BUCKET, SCRIPTS.send, [this.#stream], [this.live, kept, batch]);
  }
}
