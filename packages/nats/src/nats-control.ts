import type { Answer, BackplaneContext, ClusterNode, Control, ControlMessage } from "@carillon/server/backplane";
import type { Msg } from "@nats-io/transport-node";
import type { Broker } from "./broker.ts";
import { parseJson } from "./json.ts";
import type { NodeRegistry } from "./node-registry.ts";
import type { Stream } from "./stream.ts";

/** Messages that wait to be sent at most; beyond, the oldest are dropped with a warning. */
const WAITING_MAX = 10_000;
const RETRY_MS = 250;
/** What goes out as one message, at most: so many, or so many characters. */
const BATCH_MAX = 500;
const BATCH_CHARACTERS = 65_536;

/**
 * The bus between nodes. A message is stored for a minute and repeated to all nodes; a node that was away for a moment, or
 * missed one, reads what it missed by the sequence of the last it has seen. So each arrives at least once; or its node was
 * away for longer than that, and is told so.
 */
export class NatsControl implements Control {
  readonly #stream: Stream;
  readonly #subject: string;
  readonly #context: BackplaneContext;
  #waiting: string[] = [];
  #isSending = false;
  #isClosed = false;
  #isReading = false;
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
    broker.subscribe(subjects.live, (message) => this.#onLive(message));
  }

  send(message: ControlMessage): void {
    if (this.#isClosed) return;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#waiting.shift();
      this.#context.logger.warn("A message between nodes was dropped: too many wait for NATS.");
    }
    this.#waiting.push(JSON.stringify(message));
    if (!this.#isSending) void this.#sendAll();
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

  /** Reads what was missed, if anything was. Rejects with a `Trouble`. */
  async catchUp(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const doubts = this.#doubts;
    try {
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
    } finally {
      this.#isReading = false;
    }
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
    if (!this.#isCaughtUp || (this.#seen !== null && seq > this.#seen + 1)) this.catchUp().catch(() => {});
    else this.#take(seq, message.data);
  }

  #take(seq: number, data: Uint8Array): void {
    if (this.#isClosed || (this.#seen !== null && seq <= this.#seen)) return;
    this.#seen = seq;
    const text = Buffer.from(data).toString();
    this.#last = text;
    try {
      const messages = parseJson<readonly ControlMessage[]>(text);
      for (const message of messages) this.#context.onControl(message);
    } catch (error) {
      this.#context.logger.warn("A message between nodes can't be read.", { error: String(error) });
    }
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let batch = this.#nextBatch(); batch !== null && !this.#isClosed; batch = this.#nextBatch()) {
      while (!this.#isClosed && !(await this.#isSent(batch)))
        await new Promise<void>((resolve) => void this.#context.ports.after(RETRY_MS, resolve));
    }
    this.#isSending = false;
  }

  /** What waits, as one message: thousands of instances that come back are told of by far fewer. */
  #nextBatch(): string | null {
    const [first] = this.#waiting;
    if (first === undefined) return null;
    let count = 0;
    let size = 0;
    for (const { length } of this.#waiting) {
      size += length;
      if (count > 0 && (size > BATCH_CHARACTERS || count === BATCH_MAX)) break;
      count++;
    }
    return `[${this.#waiting.splice(0, count).join(",")}]`;
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
