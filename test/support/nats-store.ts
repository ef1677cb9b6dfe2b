import type { AppendResult, ChannelOptions, Page } from "@carillon/server/backplane";
import type { Fault, Limits } from "@carillon/server/testing";
import type { NatsOptions } from "@carillon/nats";
import { openStore } from "./nats-server.ts";
import { idsOf, LOG, ToldStore, type Publish } from "./told-store.ts";

/** The channel of a test that has one. */
export const ROOM = "chat:lobby";

/** One node's store, and what it told its node. */
export class Store extends ToldStore {
  static async open(
    server: { readonly address: string },
    options: Partial<NatsOptions> = {},
    limits: Partial<Limits> = {},
    faults: readonly Fault[] = [],
  ): Promise<Store> {
    const store = new Store();
    await store.open((context) => openStore(server, context, options), limits, faults);
    return store;
  }

  /** Ids of what was delivered in a channel, in order. */
  delivered(channel: string = ROOM): string[] {
    return this.idsDelivered(channel);
  }

  subscribe(channel: string = ROOM, options: ChannelOptions = LOG): Promise<string> {
    return new Promise((resolve, reject) => {
      this.backplane.channels.subscribe(channel, options, (answer) =>
        answer.ok ? resolve(answer.value) : reject(new Error(answer.message)),
      );
    });
  }

  async publish(id: string, more: Partial<Publish> = {}): Promise<AppendResult> {
    const [result] = await this.publishAll([id], more);
    if (result === undefined) throw new Error("Expected a result.");
    return result;
  }

  /** Publishes in one batch; resolves to the results when all are there. */
  publishAll(ids: readonly string[], more: Partial<Publish> = {}): Promise<AppendResult[]> {
    return this.append(ids.map((id) => ({ channel: ROOM, id, ...more })));
  }

  async published(id: string, more: Partial<Publish> = {}): Promise<string> {
    const result = await this.publish(id, more);
    if (!result.ok) throw new Error(`${result.code}: ${result.message}`);
    return result.pos;
  }

  /** Sends a publish again until it is known how it ended. */
  publishUntilKnown(id: string, more: Partial<Publish> = {}): Promise<Extract<AppendResult, { ok: true }>> {
    return this.untilKnown(() => ({ channel: ROOM, id, ...more }));
  }

  /** Publishes, however long NATS takes to come back. Resolves to the position. */
  async publishedInTheEnd(id: string): Promise<string> {
    await this.publishUntilKnown(id);
    return this.published(id);
  }

  read(after: string, channel: string = ROOM, options: ChannelOptions = LOG): Promise<Page | string> {
    const bounds = { items: 100_000, bytes: 1e9 };
    return new Promise((resolve) => {
      this.backplane.channels.read({ channel, options, after, bounds }, (answer) =>
        resolve(answer.ok ? answer.value : answer.code),
      );
    });
  }

  /** Ids of everything that the channel retains. */
  async everything(channel: string = ROOM): Promise<string[]> {
    const page = await this.read("the beginning", channel);
    return typeof page === "string" ? [page] : idsOf(page.records);
  }
}
