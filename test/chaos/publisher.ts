import { CarillonError } from "@carillon/protocol";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { ClientConfig } from "./client-config.ts";
import { JournalWriter } from "./journal.ts";
import { openClient, type ChaosClient } from "./open-client.ts";
import type { PublisherRecord } from "./records.ts";

/** One publish in so many is a large one. */
const LARGE_EVERY = 50;
const LARGE_CHARACTERS = 12_000;
/** One turn in so many sets the entry on a board instead of publishing. */
const SET_EVERY = 8;

/**
 * An application that publishes all the time, connected or not, and writes down what it wanted and what came of it. It
 * waits for no outcome before it goes on, so that the SDK's queue is always in use.
 */
export class Publisher {
  readonly name: string;
  published = 0;
  acknowledged = 0;
  /** Outcomes that have not come. */
  pending = 0;
  readonly #config: ClientConfig;
  readonly #random: SeededRandom;
  readonly #client: ChaosClient;
  readonly #journal: JournalWriter<PublisherRecord>;
  #timer: NodeJS.Timeout | undefined;
  #n = 0;

  constructor(config: ClientConfig, role: string, random: SeededRandom) {
    this.name = `${config.name}.${config.life}.${role}`;
    this.#config = config;
    this.#random = random;
    this.#client = openClient(config.url, this.name);
    this.#journal = new JournalWriter(config.folder, this.name);
    this.#next();
  }

  /** Publishes nothing more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** All outcomes are known: leaves. */
  close(): void {
    if (this.pending === 0) this.#journal.write({ what: "closed" });
    this.#client.disconnect();
  }

  #next(): void {
    const delayMs = (2_000 / this.#config.rate) * this.#random.next();
    this.#timer = setTimeout(() => {
      if (this.#random.below(SET_EVERY) === 0) this.#set();
      else this.#publish();
      this.#next();
    }, delayMs);
  }

  #publish(): void {
    const { feeds, briefs } = this.#config.channels;
    const channel = this.#random.pick([...feeds, ...briefs]);
    const n = ++this.#n;
    const id = `${this.name}-${n}`;
    const size = this.#random.below(LARGE_EVERY) === 0 ? LARGE_CHARACTERS : this.#random.below(200);
    this.#journal.write({ what: "publish", channel, id, n });
    this.published++;
    const data = { id, size, pad: "x".repeat(size) };
    // A name from the lists is one of the contract's, which types can't say.
    const published = this.#client.channel(channel as "feed:0").publish(data, { id });
    void this.#outcome(published, (outcome) => {
      if (typeof outcome === "string") this.#journal.write({ what: "failed", channel, id, code: outcome });
      else {
        this.acknowledged++;
        this.#journal.write({ what: "accepted", channel, id, pos: outcome.pos });
      }
    });
  }

  #set(): void {
    const channel = this.#random.pick(this.#config.channels.boards);
    const n = ++this.#n;
    const key = this.name;
    this.#journal.write({ what: "set", channel, key, n });
    const set = this.#client.channel(channel as "board:0").set(key, { n });
    void this.#outcome(set, (outcome) => {
      if (typeof outcome === "string") this.#journal.write({ what: "set failed", channel, key, code: outcome });
      else this.#journal.write({ what: "set accepted", channel, key, n });
    });
  }

  /** Waits for a result, or the code of an error. */
  async #outcome<T extends object>(promise: Promise<T>, came: (outcome: T | string) => void): Promise<void> {
    this.pending++;
    const [settled] = await Promise.allSettled([promise]);
    this.pending--;
    if (settled.status === "fulfilled") return came(settled.value);
    const error: unknown = settled.reason;
    came(error instanceof CarillonError ? error.code : String(error));
  }
}
