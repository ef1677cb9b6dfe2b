import { setTimeout as wait } from "node:timers/promises";
import { WireClient, type WireMessage } from "./wire-client.ts";

/** Publications in one page of history. */
const PAGE = 300;

/** What a witness has seen of one channel. */
export interface Testimony {
  /** Ids in the order in which they came. */
  readonly ids: string[];
  /** Gaps that were announced, by reason. */
  readonly gaps: string[];
  /** Pushes that did not start where the one before ended. */
  breaks: number;
  /** The position after the last push; null before the first. */
  position: string | null;
}

/** A subscriber of some channels that comes back from its positions, and writes down what it was told. */
export class LogWitness {
  readonly seen = new Map<string, Testimony>();
  #client: WireClient | null = null;

  constructor(channels: readonly string[]) {
    for (const channel of channels) this.seen.set(channel, { ids: [], gaps: [], breaks: 0, position: null });
  }

  /** How many publications it was told of, repetitions included. */
  get count(): number {
    return [...this.seen.values()].reduce((sum, { ids }) => sum + ids.length, 0);
  }

  /** Subscribes to all its channels, each from the position that it is in. */
  async connect(url: string, ticket: string): Promise<void> {
    const client = await WireClient.connect(url, ticket);
    client.ws.on("error", () => {});
    this.#client = client;
    client.on((message) => this.#take(client, message));
    for (const [channel, { position }] of this.seen) {
      const from = position === null ? {} : { position };
      const { pos } = await client.command({ cmd: "subscribe", channel, ...from });
      const testimony = this.seen.get(channel);
      if (testimony !== undefined && position === null) testimony.position = String(pos);
    }
  }

  /** Waits until it was told of so many publications. Rejects after so many milliseconds. */
  async until(count: number, timeoutMs = 30_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.count < count) {
      if (performance.now() > deadline) throw new Error(`Told of ${this.count} publications, expected ${count}.`);
      await wait(2);
    }
  }

  /** All ids that a channel retains, oldest first, read page by page. */
  async history(channel: string): Promise<readonly string[]> {
    const client = this.#client;
    if (client === null) throw new Error("Expected to be connected.");
    const pages: string[][] = [];
    for (let before = {}, more = true; more;) {
      const page = await client.command({ cmd: "history", channel, limit: PAGE, ...before });
      pages.push((page["items"] as readonly { readonly id: string }[]).map(({ id }) => id));
      before = { before: page["prev"] };
      more = page["more"] === true;
    }
    return pages.reverse().flat();
  }

  /** Leaves. */
  close(): void {
    this.#client?.ws.terminate();
    this.#client = null;
  }

  #take(client: WireClient, { push, channel = "", prev, pos, items, ...rest }: WireMessage): void {
    if (push === "heartbeat") client.ws.send(JSON.stringify({ cmd: "pong" }));
    const testimony = this.seen.get(channel);
    if (testimony === undefined) return;
    if (push === "gap") {
      testimony.gaps.push(String((rest as { readonly reason?: string }).reason));
      testimony.position = rest.to ?? null;
    }
    if (push !== "items") return;
    if (testimony.position !== null && prev !== testimony.position) testimony.breaks++;
    testimony.position = pos ?? null;
    for (const { id = "" } of items ?? []) testimony.ids.push(id);
  }
}
