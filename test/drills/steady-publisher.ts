import { connect, type Client } from "@carillon/client";
import { CarillonError } from "@carillon/protocol";
import { WebSocket } from "ws";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { contract } from "./contract.ts";
import type { DrillNode } from "./drill-node.ts";

/** A publish of a {@link SteadyPublisher}. */
export interface SteadyPublish {
  readonly id: string;
  readonly channel: string;
  outcome: "waits" | "stored" | "uncertain" | "refused";
}

/** Settings of a {@link SteadyPublisher}. */
export interface SteadyPublisherOptions {
  readonly node: DrillNode;
  readonly name: string;
  readonly channels: readonly string[];
  /** Between two publishes. */
  readonly everyMs: number;
  readonly random: SeededRandom;
}

/** What was sent has an outcome by then, in milliseconds. */
const SETTLE_MS = 20_000;

/** An application that publishes to some channels in turn by chance, with the SDK, whatever befalls the server. */
export class SteadyPublisher implements Disposable {
  readonly publishes: SteadyPublish[] = [];
  readonly #options: SteadyPublisherOptions;
  readonly #client: Client<typeof contract>;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #counts = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SteadyPublisherOptions) {
    this.#options = options;
    const { node, name } = options;
    this.#client = connect<typeof contract>({
      url: node.url,
      WebSocket,
      ticket: () =>
        node.ticket(name).catch((cause: unknown) => {
          throw new CarillonError("unavailable", "No ticket.", { cause });
        }),
    });
    // Refused tickets and publishes are what a drill is made of.
    this.#client.on("error", () => {});
  }

  /** Begins, or goes on. */
  start(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#publish(), this.#options.everyMs);
  }

  /** Publishes nothing more. Resolves once everything has an outcome. */
  async rest(): Promise<void> {
    clearInterval(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.#pending.size} publishes have no outcome.`)), SETTLE_MS);
    });
    await Promise.race([Promise.allSettled(this.#pending), late]);
    clearTimeout(timer);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#client.disconnect();
  }

  #publish(): void {
    const { channels, name, random } = this.#options;
    const channel = random.pick(channels);
    const n = (this.#counts.get(channel) ?? 0) + 1;
    this.#counts.set(channel, n);
    const publish: SteadyPublish = { id: `${name}-${this.publishes.length}`, channel, outcome: "waits" };
    this.publishes.push(publish);
    const pending = this.#send(publish, n).finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  async #send(publish: SteadyPublish, n: number): Promise<void> {
    try {
      const channel = this.#client.channel(publish.channel as "feed:x");
      await channel.publish({ by: this.#options.name, n }, { id: publish.id });
      publish.outcome = "stored";
    } catch (error) {
      publish.outcome = error instanceof CarillonError && error.code === "uncertain" ? "uncertain" : "refused";
    }
  }
}
