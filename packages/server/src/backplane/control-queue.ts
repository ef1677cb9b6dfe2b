import type { Logger } from "../core/logger.ts";
import type { ControlMessage } from "./control.ts";
import { Ring } from "./ring.ts";

/** What goes out as one batch, at most: so many messages, or so many bytes. One message may be longer. */
const BATCH_MAX = 500;
const BATCH_BYTES = 65_536;
/** What is around the messages of a batch, beside the sender's name. */
const AROUND_BYTES = 7;
/** What waits at most, beside the batch that is on its way: so many messages, or so many characters. */
const WAITING_MAX = 10_000;
/** Commonly a message has a hundred; answers to surveys have up to 65,536. */
const WAITING_CHARACTERS = 16_777_216;

/** One message that waits. */
interface Waiting {
  /** As JSON. */
  readonly text: string;
  readonly isSurvey: boolean;
}

const MISSED = JSON.stringify({ type: "missed" } satisfies ControlMessage);

/** What a {@link ControlQueue} needs. */
export interface ControlQueueContext {
  /** Tells this node's batches from others'. */
  readonly self: string;
  readonly logger: Logger;
  /** Whom messages wait for, in a sentence: `Redis`. */
  readonly broker: string;
  /** Bytes of a batch that the broker takes at most. Default: any number. */
  readonly bytesMax?: () => number;
}

/**
 * Control messages on their way to other nodes. They go out in batches, in order and one batch at a time: thousands of
 * instances that come back are told of by far fewer messages of the store. What can't be sent waits, up to a bound; of what
 * is more than that the oldest is let go of, and counted in the log. Other nodes are told that they missed something then,
 * for it may have been that somebody's access was revoked (P7); not for a survey, which its asker gives up by itself.
 */
export class ControlQueue {
  readonly #context: ControlQueueContext;
  readonly #waiting = new Ring<Waiting>();
  #characters = 0;
  /** On its way; it may have arrived, so nothing is taken out of it any more. */
  #batch: string | null = null;
  #dropped = 0;
  /** Nodes are to be told that they missed something, before anything else. */
  #hasMissed = false;

  constructor(context: ControlQueueContext) {
    this.#context = context;
  }

  /** True: nothing waits, and nothing is on its way. */
  get isEmpty(): boolean {
    return this.#batch === null && this.#waiting.length === 0;
  }

  /** Puts a message behind the others. */
  push(message: ControlMessage): void {
    const text = JSON.stringify(message);
    this.#waiting.push({ text, isSurvey: message.type === "ask" || message.type === "answer" });
    this.#characters += text.length;
    while (this.#waiting.length > WAITING_MAX || this.#characters > WAITING_CHARACTERS) this.#drop();
  }

  /** The batch to send now, the same until it is {@link ControlQueue.sent}; null: there is nothing to send. */
  next(): string | null {
    if (this.#batch !== null || this.#waiting.length === 0) return this.#batch;
    const { self, bytesMax } = this.#context;
    const most = bytesMax?.() ?? Number.POSITIVE_INFINITY;
    const messages: string[] = [];
    let bytes = AROUND_BYTES + MISSED.length + self.length;
    for (let first = this.#waiting.first; first !== undefined; first = this.#waiting.first) {
      const more = Buffer.byteLength(first.text) + 1;
      const isFull = messages.length === BATCH_MAX || bytes + more > Math.min(BATCH_BYTES, most);
      if (messages.length > 0 && isFull) break;
      this.#shift();
      if (bytes + more > most) {
        this.#refuse(first, more);
        continue;
      }
      bytes += more;
      messages.push(first.text);
    }
    if (this.#hasMissed) messages.unshift(MISSED);
    this.#hasMissed = false;
    if (messages.length > 0) this.#batch = `["${self}",[${messages.join(",")}]]`;
    return this.#batch;
  }

  /** The batch has arrived. */
  sent(): void {
    this.#batch = null;
    if (this.#dropped === 0) return;
    const { logger, broker } = this.#context;
    logger.warn(`Messages to other nodes were dropped: too many waited for ${broker}.`, { dropped: this.#dropped });
    this.#dropped = 0;
  }

  /** The messages of a batch, none of this node's own: it has acted on those. Throws an error for what is no batch. */
  read(batch: string): readonly ControlMessage[] {
    const parsed: unknown = JSON.parse(batch);
    const parts: readonly unknown[] = Array.isArray(parsed) ? parsed : [];
    const [from, messages] = parts;
    if (typeof from !== "string" || !Array.isArray(messages)) throw new Error("Expected a batch of control messages.");
    return from === this.#context.self ? [] : messages.filter(isMessage);
  }

  #drop(): void {
    const dropped = this.#shift();
    if (dropped?.isSurvey === false) this.#hasMissed = true;
    const { logger, broker } = this.#context;
    if (this.#dropped++ === 0) logger.warn(`Messages to other nodes are dropped: too many wait for ${broker}.`);
  }

  /** It would never go through, and nothing behind it either. */
  #refuse({ isSurvey }: Waiting, bytes: number): void {
    const { logger, broker } = this.#context;
    if (!isSurvey) this.#hasMissed = true;
    logger.warn(`A message to other nodes was dropped: ${broker} takes none of that size.`, { bytes });
  }

  #shift(): Waiting | undefined {
    const first = this.#waiting.shift();
    this.#characters -= first?.text.length ?? 0;
    return first;
  }
}

/** Nodes of one cluster write nothing else there; whoever acts on it passes over a type that a newer one has added. */
function isMessage(value: unknown): value is ControlMessage {
  return typeof value === "object" && value !== null && "type" in value;
}
