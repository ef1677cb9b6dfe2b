import {
  DEFAULT_LIMITS,
  systemPorts,
  type AppendRequest,
  type AppendResult,
  type ChannelOptions,
  type ChannelRecord,
  type Fault,
  type Limits,
  type Page,
} from "@carillon/server/testing";
import type { NatsOptions } from "@carillon/nats";
import type { BackplaneContext, OpenBackplane } from "@carillon/server";
import type { ControlMessage } from "@carillon/server/backplane";
import { openStore } from "./nats-server.ts";

/** A log that keeps what a test publishes. */
export const LOG: ChannelOptions = {
  kind: "log",
  historySize: 10_000,
  historyTtlMs: 3_600_000,
  ttlMs: 0,
  owned: false,
};
/** A state channel whose entries belong to instances. */
export const OWNED: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: true };
/** The channel of a test that has one. */
export const ROOM = "chat:lobby";

/** One node's store, and what it told its node. */
export class Store implements AsyncDisposable {
  readonly deliveries: {
    readonly channel: string;
    readonly prev: string;
    readonly pos: string;
    readonly records: readonly ChannelRecord[];
  }[] = [];
  readonly suspects: string[] = [];
  readonly availability: boolean[] = [];
  readonly controls: ControlMessage[] = [];
  readonly lost: (readonly string[] | null)[] = [];
  /** What it was told, in order: `control`, `deliver` and `lost`. */
  readonly told: string[] = [];
  readonly warnings: string[] = [];
  #opened: OpenBackplane | null = null;

  static async open(
    server: { readonly address: string },
    options: Partial<NatsOptions> = {},
    limits: Partial<Limits> = {},
    faults: readonly Fault[] = [],
  ): Promise<Store> {
    const store = new Store();
    store.#opened = await openStore(server, store.#context(limits, faults), options);
    return store;
  }

  get backplane(): OpenBackplane {
    if (this.#opened === null) throw new Error("Expected an open store.");
    return this.#opened;
  }

  /** Ids of what was delivered in a channel, in order. */
  delivered(channel: string = ROOM): string[] {
    return this.deliveries.filter((one) => one.channel === channel).flatMap(({ records }) => idsOf(records));
  }

  subscribe(channel: string = ROOM, options: ChannelOptions = LOG): Promise<string> {
    return new Promise((resolve, reject) => {
      this.backplane.channels.subscribe(channel, options, (answer) =>
        answer.ok ? resolve(answer.value) : reject(new Error(answer.message)),
      );
    });
  }

  async publish(id: string, more: Partial<AppendRequest> = {}): Promise<AppendResult> {
    const [result] = await this.publishAll([id], more);
    if (result === undefined) throw new Error("Expected a result.");
    return result;
  }

  /** Publishes in one batch; resolves to the results when all are there. */
  publishAll(ids: readonly string[], more: Partial<AppendRequest> = {}): Promise<AppendResult[]> {
    const batch: AppendRequest[] = [];
    const results = ids.map(
      (id) =>
        new Promise<AppendResult>((done) => {
          const idempotency = { scope: "i:i_1", fingerprint: "f", resend: null };
          batch.push({
            channel: ROOM,
            options: LOG,
            id,
            idempotency,
            data: JSON.stringify(id),
            publisher: null,
            amend: null,
            tags: null,
            meta: null,
            expiresInMs: 0,
            version: 1,
            ...more,
            done,
          });
        }),
    );
    this.backplane.channels.append(batch);
    return Promise.all(results);
  }

  async published(id: string, more: Partial<AppendRequest> = {}): Promise<string> {
    const result = await this.publish(id, more);
    if (!result.ok) throw new Error(`${result.code}: ${result.message}`);
    return result.pos;
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

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened !== null) await new Promise<void>((resolve) => opened.close(resolve));
  }

  #context(limits: Partial<Limits>, faults: readonly Fault[]): BackplaneContext {
    const ignore = (): void => {};
    return {
      ports: systemPorts(),
      limits: { ...DEFAULT_LIMITS, ...limits },
      logger: {
        debug: ignore,
        info: ignore,
        warn: (text) => this.warnings.push(text),
        error: (text) => this.warnings.push(text),
      },
      faults: new Set(faults),
      sink: {
        deliver: (channel, prev, pos, records) => {
          this.told.push("deliver");
          this.deliveries.push({ channel, prev, pos, records });
        },
        suspect: (channel) => this.suspects.push(channel),
        available: (isAvailable) => this.availability.push(isAvailable),
        ownershipLost: (channels) => {
          this.told.push("lost");
          this.lost.push(channels);
        },
      },
      onControl: (message) => {
        this.told.push("control");
        this.controls.push(message);
      },
    };
  }
}

function idsOf(records: readonly ChannelRecord[]): string[] {
  return records.map((record) => ("id" in record ? record.id : record.key));
}
