import type { BackplaneContext, Control, ControlMessage } from "@carillon/server/backplane";
import type { Msg } from "@nats-io/transport-node";
import type { Broker } from "./broker.ts";
import { parseJson } from "./json.ts";
import type { Stream } from "./stream.ts";

/** Messages that wait to be sent at most; beyond, the oldest are dropped with a warning. */
const WAITING_MAX = 10_000;
const RETRY_MS = 250;

/**
 * The bus between nodes. A message is stored for a minute and repeated to all nodes; a node that was away for a moment, or
 * missed one, reads what it missed by the sequence of the last it has seen. So each arrives at least once, or its node was
 * away for longer than that, and then durable revocations catch up with it.
 */
export class NatsControl implements Control {
  readonly #stream: Stream;
  readonly #subject: string;
  readonly #context: BackplaneContext;
  #waiting: string[] = [];
  #isSending = false;
  #isClosed = false;
  #isReading = false;
  #seen: number | null = null;

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

  /** Reads what was missed, if anything was. Rejects with a `Trouble`. */
  async catchUp(): Promise<void> {
    const lastSeq = (await this.#stream.state())?.lastSeq ?? 0;
    // Whoever starts has no sessions that anything was said about; a stream that was put back starts over.
    if (this.#seen === null || lastSeq < this.#seen) this.#seen = lastSeq;
    if (lastSeq <= this.#seen || this.#isReading) return;
    this.#isReading = true;
    try {
      await this.#stream.scan(this.#subject, this.#seen + 1, false, ({ seq, data }) => this.#take(seq, data));
    } finally {
      this.#isReading = false;
    }
    // What was missed for longer than it is kept is gone.
    this.#seen = Math.max(this.#seen, lastSeq);
  }

  #onLive(message: Msg): void {
    const seq = Number(message.headers?.get("Nats-Sequence"));
    if (this.#seen !== null && seq > this.#seen + 1) this.catchUp().catch(() => {});
    else this.#take(seq, message.data);
  }

  #take(seq: number, data: Uint8Array): void {
    if (this.#isClosed || (this.#seen !== null && seq <= this.#seen)) return;
    this.#seen = seq;
    try {
      this.#context.onControl(parseJson<ControlMessage>(Buffer.from(data).toString()));
    } catch (error) {
      this.#context.logger.warn("A message between nodes can't be read.", { error: String(error) });
    }
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let next = this.#waiting[0]; next !== undefined && !this.#isClosed; next = this.#waiting[0]) {
      try {
        const published = await this.#stream.publish(this.#subject, next, null);
        if (published.ok) {
          this.#waiting.shift();
          continue;
        }
      } catch {
        // Tried again below; what is sent twice does no harm.
      }
      await new Promise<void>((resolve) => void this.#context.ports.after(RETRY_MS, resolve));
    }
    this.#isSending = false;
  }
}
