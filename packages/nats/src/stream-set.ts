import type { ChannelKind } from "@carillon/protocol";
import type { Broker } from "./broker.ts";
import { NatsStoreError, Trouble } from "./store-error.ts";
import { Stream } from "./stream.ts";
import type { Names } from "./subject.ts";

/** How streams are made. */
export interface StreamSettings {
  /** Milliseconds for which every message of a log lasts at least: the idempotency window, and what comes back. */
  readonly logAgeMs: number;
}

/** What a stream needs beyond its name and subjects. */
interface Wanted {
  readonly name: string;
  readonly subjects: readonly string[];
  /** 0: for ever. */
  readonly maxAgeMs: number;
  readonly maxMessages?: number;
  readonly perSubject?: number;
  readonly republish?: { readonly src: string; readonly dest: string };
}

type Config = Readonly<Record<string, unknown>>;

const NAME_TAKEN = 10058;
const NS_PER_MS = 1_000_000;
/** JetStream takes no duplicate window that is longer than the age. */
const DUPLICATE_WINDOW_MS = 100;

/**
 * The streams of one application. The ones of channels are made when a namespace is first used: one for each namespace
 * and kind. Logs have a greatest age, which only ever grows; states have none, their entries may stay for ever.
 */
export class StreamSet {
  readonly #broker: Broker;
  readonly #names: Names;
  readonly #settings: StreamSettings;
  readonly #open = new Map<string, { readonly ageMs: number; readonly stream: Promise<Stream> }>();

  constructor(broker: Broker, names: Names, settings: StreamSettings) {
    this.#broker = broker;
    this.#names = names;
    this.#settings = settings;
  }

  /** The stream of a namespace; `ageMs` is how long the publications of a log have to last. */
  ofChannels(kind: ChannelKind, namespace: string, ageMs: number): Promise<Stream> {
    const name = this.#names.stream(kind, namespace);
    const src = this.#names.channels(kind, namespace);
    // A channel's head has to outlive its last publication, so twice the time: see Channel.keepAlive.
    const maxAgeMs = kind === "state" ? 0 : 2 * Math.max(ageMs, this.#settings.logAgeMs);
    const dest = `${this.#names.live(src.slice(0, -2))}.{{wildcard(1)}}`;
    return this.#ensure({ name, subjects: [src], maxAgeMs, republish: { src, dest } });
  }

  /** A stream beside the channels. With `maxMessages`, new subjects are refused beyond. */
  plain(
    name: string,
    subject: string,
    bounds: Pick<Wanted, "maxAgeMs" | "maxMessages" | "perSubject">,
  ): Promise<Stream> {
    return this.#ensure({ name, subjects: [subject], ...bounds });
  }

  /** A stream beside the channels, whose messages are repeated to nodes. */
  repeated(name: string, subject: string, dest: string, maxAgeMs: number): Promise<Stream> {
    return this.#ensure({ name, subjects: [subject], maxAgeMs, republish: { src: subject, dest } });
  }

  /** Looks at the streams that are there already. Rejects with a `NatsStoreError` if one can't be used. */
  async check(): Promise<void> {
    for (let offset = 0; ;) {
      const { streams = [], total = 0 } = await this.#broker.api("STREAM.LIST", {
        subject: `${this.#names.prefix}.>`,
        offset,
      });
      for (const { config } of streams) checkReplicas(String(config["name"]), config);
      offset += streams.length;
      if (streams.length === 0 || offset >= total) return;
    }
  }

  /** A stream that may not be there, for reading. */
  unmade(kind: ChannelKind, namespace: string): Stream {
    return new Stream(this.#broker, this.#names.stream(kind, namespace));
  }

  /** Forgets which streams there are: somebody took one away. */
  forget(): void {
    this.#open.clear();
  }

  #ensure(wanted: Wanted): Promise<Stream> {
    const known = this.#open.get(wanted.name);
    if (known !== undefined && (known.ageMs === 0 || known.ageMs >= wanted.maxAgeMs)) return known.stream;
    const stream = this.#make(wanted);
    this.#open.set(wanted.name, { ageMs: wanted.maxAgeMs, stream });
    stream.catch(() => this.#open.delete(wanted.name));
    return stream;
  }

  async #make(wanted: Wanted): Promise<Stream> {
    const config = configOf(wanted);
    const answer = await this.#broker.api(`STREAM.CREATE.${wanted.name}`, config);
    if (answer.error !== undefined) {
      if (answer.error.err_code !== NAME_TAKEN) throw refused(wanted.name, answer.error.description);
      await this.#update(wanted, config);
    }
    return new Stream(this.#broker, wanted.name);
  }

  /** Another node made it, or an earlier version of the application: what it needs now is added, and nothing cut. */
  async #update(wanted: Wanted, config: Config): Promise<void> {
    const info = await this.#broker.api(`STREAM.INFO.${wanted.name}`);
    const present = info.config;
    if (present === undefined) throw refused(wanted.name, info.error?.description);
    checkReplicas(wanted.name, present);
    const age = Number(present["max_age"]);
    const isOldEnough = age === 0 || (wanted.maxAgeMs !== 0 && age >= wanted.maxAgeMs * NS_PER_MS);
    if (isOldEnough && (wanted.maxMessages === undefined || present["max_msgs"] === wanted.maxMessages)) return;
    const max_age = isOldEnough ? age : config["max_age"];
    // What an operator has set, placement above all, stays.
    const next = { ...present, max_age, ...(wanted.maxMessages === undefined ? {} : { max_msgs: wanted.maxMessages }) };
    const answer = await this.#broker.api(`STREAM.UPDATE.${wanted.name}`, next);
    if (answer.error !== undefined) throw refused(wanted.name, answer.error.description);
  }
}

function configOf(wanted: Wanted): Config {
  return {
    name: wanted.name,
    subjects: wanted.subjects,
    storage: "file",
    retention: "limits",
    discard: wanted.maxMessages === undefined ? "old" : "new",
    max_age: wanted.maxAgeMs * NS_PER_MS,
    max_msgs: wanted.maxMessages ?? -1,
    max_msgs_per_subject: wanted.perSubject ?? -1,
    num_replicas: 1,
    allow_direct: true,
    // Duplicates are told by the condition on the sequence, for ever; NATS need not remember ids as well.
    duplicate_window: DUPLICATE_WINDOW_MS * NS_PER_MS,
    ...(wanted.republish === undefined ? {} : { republish: wanted.republish }),
  };
}

/**
 * With several copies the expected sequence is checked by the leader alone, before the message is agreed on. NATS 2.9.10
 * let more than one of twelve publishes with the same expectation through in 295 of 300 rounds (nats-server issue 4320);
 * later versions still forget what is under way when the leader changes (issue 8469).
 */
function checkReplicas(name: string, config: Config): void {
  const replicas = Number(config["num_replicas"] ?? 1);
  if (replicas === 1) return;
  const message = `Expected 1 replica of the stream ${name}, it has ${replicas}.`;
  const reason = "With several, NATS does not keep the condition that holds the order of a channel together.";
  throw new NatsStoreError("misconfigured", `${message} ${reason} Set num_replicas to 1.`);
}

function refused(stream: string, description: string | undefined): Trouble {
  return new Trouble("unavailable", `NATS refused the stream ${stream}: ${description ?? "no reason given"}.`);
}
