import {
  ControlQueue,
  type Answer,
  type BackplaneContext,
  type ClusterNode,
  type Control,
  type ControlMessage,
} from "@carillon/server/backplane";
import type { Msg } from "@nats-io/transport-node";
import type { Broker } from "./broker.ts";
import type { NodeRegistry } from "./node-registry.ts";
import type { Stream } from "./stream.ts";

/** Between attempts to send. */
const RETRY_MS = 250;

/**
 * The bus between nodes. A message is stored for a minute and repeated to all nodes; a node that was away for a moment, or
 * missed one, reads what it missed by the sequence of the last it has seen. So each arrives at least once; or its node was
 * away for longer than that, and is told so. The node's own messages take effect at once, NATS or no NATS.
 */
export class NatsControl implements Control {
  readonly #stream: Stream;
  readonly #subject: string;
  readonly #context: BackplaneContext;
  readonly #queue: ControlQueue;
  #isSending = false;
  #isClosed = false;
  /** The look under way. */
  #reading: Promise<void> | null = null;
  /** Null until the first look. */
  #seen: number | null = null;
  /** The message that was seen last, to know it again: a stream that was put back uses sequences again. */
  #last: string | null = null;
  /** Grows with each doubt, so that an answer of before is not taken for one to it. */
  #doubts = 0;
  #isCaughtUp = true;
  #registry: NodeRegistry | null = null;

  constructor(
    broker: Broker,
    stream: Stream,
    subjects: { readonly send: string; readonly live: string },
    context: BackplaneContext,
  ) {
    this.#stream = stream;
    this.#subject = subjects.send;
    this.#context = context;
    const { ports, logger } = context;
    this.#queue = new ControlQueue({ self: ports.id(), logger, broker: "NATS", bytesMax: () => broker.dataMax });
    broker.subscribe(subjects.live, (message) => this.#onLive(message));
  }

  send(message: ControlMessage): void {
    if (this.#isClosed) return;
    this.#context.onControl(message);
    this.#queue.push(message);
    if (!this.#isSending) void this.#sendAll();
  }

  /** True while something that was sent is not yet with NATS. */
  get isBusy(): boolean {
    return !this.#queue.isEmpty;
  }

  close(): void {
    this.#isClosed = true;
  }

  get node(): string {
    return this.#registry?.id ?? "";
  }

  nodes(done: (answer: Answer<readonly ClusterNode[]>) => void): void {
    const nodes = this.#registry?.nodes ?? [];
    if (this.#isCaughtUp) done({ ok: true, value: nodes });
    else done({ ok: false, code: "unavailable", message: "There is no connection to NATS." });
  }

  /** Who tells which nodes there are. */
  know(registry: NodeRegistry): void {
    this.#registry = registry;
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

  /** Reads what was missed before the call, if anything was. Rejects with a `Trouble`. */
  async catchUp(): Promise<void> {
    // One that is under way may have begun too early for what this call is about.
    await this.#reading?.catch(nothing);
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    const doubts = this.#doubts;
    const { firstSeq, lastSeq } = (await this.#stream.state()) ?? { firstSeq: 0, lastSeq: 0 };
    // Whoever starts has no sessions that anything was said about.
    this.#seen ??= lastSeq;
    if (!this.#isCaughtUp && !(await this.#isSame(firstSeq, lastSeq))) {
      // It was put back: what it has may be done again.
      this.#seen = Math.max(0, firstSeq - 1);
      this.#last = null;
    }
    if (lastSeq > this.#seen) {
      // Whatever was said in what is not kept any more may have been about sessions of this node.
      if (firstSeq > this.#seen + 1) this.#context.onControl({ type: "missed" });
      await this.#stream.scan(this.#subject, this.#seen + 1, false, ({ seq, data }) => this.#take(seq, data));
      this.#seen = Math.max(this.#seen, lastSeq);
    }
    if (doubts === this.#doubts) this.#isCaughtUp = true;
  }

  /** False if the stream is not what it was when its last message was seen. */
  async #isSame(firstSeq: number, lastSeq: number): Promise<boolean> {
    const seen = this.#seen ?? 0;
    if (lastSeq < seen) return false;
    if (this.#last === null || seen < firstSeq) return true;
    const message = await this.#stream.get({ seq: seen });
    return message !== null && Buffer.from(message.data).toString() === this.#last;
  }

  #onLive(message: Msg): void {
    const seq = Number(message.headers?.get("Nats-Sequence"));
    // What is in doubt is read, not taken as it comes.
    if (!this.#isCaughtUp || (this.#seen !== null && seq > this.#seen + 1)) this.catchUp().catch(nothing);
    else this.#take(seq, message.data);
  }

  #take(seq: number, data: Uint8Array): void {
    if (this.#isClosed || (this.#seen !== null && seq <= this.#seen)) return;
    this.#seen = seq;
    const text = Buffer.from(data).toString();
    this.#last = text;
    try {
      for (const message of this.#queue.read(text)) this.#context.onControl(message);
    } catch (error) {
      this.#context.logger.warn("A message between nodes can't be read.", { error: String(error) });
    }
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let batch = this.#queue.next(); batch !== null && !this.#isClosed; batch = this.#queue.next()) {
      if (await this.#isSent(batch)) this.#queue.sent();
      else await new Promise<void>((resolve) => void this.#context.ports.after(RETRY_MS, resolve));
    }
    this.#isSending = false;
  }

  /** False: to be sent again; what arrives twice does no harm. */
  async #isSent(batch: string): Promise<boolean> {
    try {
      return (await this.#stream.publish(this.#subject, batch, null)).ok;
    } catch {
      return false;
    }
  }
}

/** What could not be read is looked for again, with the next message or the next look. */
function nothing(): void {}
