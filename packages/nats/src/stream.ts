import { createInbox, headers } from "@nats-io/transport-node";
import type { Broker } from "./broker.ts";
import { Trouble } from "./store-error.ts";

/** A message as it is kept. */
export interface StoredMessage {
  readonly seq: number;
  readonly data: Uint8Array;
}

/** What a publish with an expectation came to. */
export type Published = { readonly ok: true; readonly seq: number } | { readonly ok: false; readonly reason: string };

/** Which message: by place, the last of a subject, or the first of a subject from a place on. */
export type MessageQuery =
  | { readonly seq: number }
  | { readonly last_by_subj: string }
  | { readonly seq: number; readonly next_by_subj: string };

/** What a stream says of itself. */
export interface StreamState {
  /** The first that is kept; the one behind the last if none is. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When the stream was made; another one in its place was made later. */
  readonly created: string;
}

const WRONG_SEQUENCE = 10071;
const NOT_FOUND = 404;
/** A scan that gets nothing for so long is given up. */
const SCAN_STALL_MS = 2_000;

/** One stream of JetStream, by the requests that a store needs of it. Every method rejects with a {@link Trouble}. */
export class Stream {
  readonly name: string;
  readonly #broker: Broker;

  constructor(broker: Broker, name: string) {
    this.#broker = broker;
    this.name = name;
  }

  /**
   * Stores a message if the last one of its subject has the expected sequence (0: there is none); the condition is what
   * makes a message that arrives late, or twice, harmless. Null expects nothing.
   */
  async publish(subject: string, data: Uint8Array | string, expected: number | null): Promise<Published> {
    let conditions;
    if (expected !== null) {
      conditions = headers();
      conditions.set("Nats-Expected-Last-Subject-Sequence", String(expected));
    }
    const message = await this.#broker.request(subject, data, conditions);
    const answer = message.json<{
      readonly seq?: number;
      readonly error?: { err_code?: number; description?: string };
    }>();
    if (answer.error === undefined) return { ok: true, seq: answer.seq ?? 0 };
    if (answer.error.err_code === WRONG_SEQUENCE) return { ok: false, reason: "sequence" };
    return { ok: false, reason: answer.error.description ?? "unknown" };
  }

  /** One message, null if there is none. */
  async get(query: MessageQuery): Promise<StoredMessage | null> {
    const message = await this.#broker.request(`$JS.API.DIRECT.GET.${this.name}`, JSON.stringify(query));
    const code = message.headers?.code ?? 0;
    if (code === NOT_FOUND) return null;
    const seq = Number(message.headers?.get("Nats-Sequence"));
    if (code !== 0 || !Number.isSafeInteger(seq))
      throw new Trouble("unavailable", `NATS answered a read with ${code}.`);
    return { seq, data: message.data };
  }

  /** The same, by way of the API. Null also if there is no such stream. */
  async getByApi(query: MessageQuery): Promise<StoredMessage | null> {
    const answer = await this.#broker.api(`STREAM.MSG.GET.${this.name}`, query);
    if (answer.error?.code === NOT_FOUND) return null;
    const { message } = answer;
    if (message === undefined) throw failed("read", answer.error?.description);
    return { seq: message.seq, data: Buffer.from(message.data ?? "", "base64") };
  }

  /**
   * Every message of a subject from a place on, in order, by a consumer that lasts for the scan. With `subjectsOnly` the
   * data is left out. Rejects when it stalls.
   *
   * It ends with the message that was the last one when it began. What the consumer says of how many are to come can't be
   * used for that: NATS 2.9.10 counts too many after a start by sequence, and a scan that waits for zero never ends.
   */
  async scan(
    filter: string,
    from: number,
    subjectsOnly: boolean,
    onMessage: (message: StoredMessage, subject: string) => void,
  ): Promise<void> {
    const last = await this.get({ last_by_subj: filter });
    if (last === null || last.seq < from) return;
    const inbox = createInbox();
    let stalled: NodeJS.Timeout | undefined;
    let expected = 1;
    let end = ignore;
    const ended = new Promise<void>((resolve, reject) => {
      end = (error) => (error === null ? resolve() : reject(error));
    });
    ended.catch(ignore);
    const giveUp = (): void => end(new Trouble("timeout", "NATS stopped in the middle of a scan."));
    const patience = (): void => {
      clearTimeout(stalled);
      // As a request does, it reads what has come while this process stood still before it gives up.
      const timer = setTimeout(() => setImmediate(() => timer === stalled && giveUp()), SCAN_STALL_MS);
      stalled = timer;
    };
    const subscription = this.#broker.subscribe(inbox, (message) => {
      // $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
      const fields = (message.reply ?? "").split(".").slice(-5);
      if (Number(fields[2]) !== expected) return end(new Trouble("timeout", "NATS lost a part of a scan."));
      expected++;
      patience();
      onMessage({ seq: Number(fields[1]), data: message.data }, message.subject);
      if (Number(fields[1]) >= last.seq) end(null);
    });
    let consumer: string | null = null;
    try {
      patience();
      const answer = await this.#broker.api(
        `CONSUMER.CREATE.${this.name}`,
        consumerRequest(this.name, filter, from, inbox, subjectsOnly),
      );
      if (answer.error !== undefined) throw failed("scan", answer.error.description);
      consumer = answer.name ?? null;
      await ended;
    } finally {
      clearTimeout(stalled);
      subscription.unsubscribe();
      // It would go by itself after its threshold.
      if (consumer !== null) this.#broker.api(`CONSUMER.DELETE.${this.name}.${consumer}`).catch(() => {});
    }
  }

  /**
   * Deletes one message, and overwrites it on disk unless that is not wanted: it costs NATS seven times as much. Of any
   * number who delete it, one gets true.
   */
  async delete(seq: number, overwrites: boolean = true): Promise<boolean> {
    const answer = await this.#broker.api(`STREAM.MSG.DELETE.${this.name}`, { seq, no_erase: !overwrites });
    return answer.success === true;
  }

  /** Deletes the messages of a subject before a place. */
  async purge(subject: string, before: number): Promise<void> {
    // Nothing is before the first one, and NATS takes 0 and 1 for no bound: it would delete all of the subject.
    if (before <= 1) return;
    const answer = await this.#broker.api(`STREAM.PURGE.${this.name}`, { filter: subject, seq: before });
    if (answer.error !== undefined) throw failed("purge", answer.error.description);
  }

  /** Null if there is no such stream any more. */
  async state(): Promise<StreamState | null> {
    const answer = await this.#broker.api(`STREAM.INFO.${this.name}`);
    if (answer.error?.code === NOT_FOUND) return null;
    if (answer.error !== undefined) throw failed("question for a stream", answer.error.description);
    const { state, created } = answer;
    return { firstSeq: state?.first_seq ?? 0, lastSeq: state?.last_seq ?? 0, created: created ?? "" };
  }
}

/** In place of the end of a scan, until there is one. */
function ignore(_error: Error | null): void {}

function consumerRequest(stream: string, filter: string, from: number, inbox: string, subjectsOnly: boolean): object {
  return {
    stream_name: stream,
    config: {
      deliver_subject: inbox,
      deliver_policy: "by_start_sequence",
      opt_start_seq: Math.max(1, from),
      filter_subject: filter,
      ack_policy: "none",
      replay_policy: "instant",
      headers_only: subjectsOnly,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: 5_000_000_000,
    },
  };
}

function failed(what: string, description: string | undefined): Trouble {
  return new Trouble("unavailable", `NATS refused a ${what}: ${description ?? "no reason given"}.`);
}
