import type { Fault, Limits } from "@carillon/server/testing";
import { DEFAULT_LIMITS, systemPorts } from "@carillon/server/testing";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  BackplaneContext,
  ChannelOptions,
  ChannelRecord,
  ControlMessage,
  OpenBackplane,
  Page,
} from "@carillon/server/backplane";
import type { RedisBackplaneOptions } from "@carillon/redis";
import { closeStore, openStore } from "./stores.ts";

/** A log that keeps what a test publishes. */
const LOG: ChannelOptions = {
  kind: "log",
  historySize: 10_000,
  historyTtlMs: 3_600_000,
  ttlMs: 0,
  owned: false,
};
/** A state channel whose entries belong to instances. */
export const OWNED: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: true };

interface Delivered {
  readonly channel: string;
  readonly prev: string;
  readonly pos: string;
  readonly records: readonly ChannelRecord[];
}

/** How long a test waits for what has to happen. */
const PATIENCE_MS = 8_000;

/** A node without a server around it: a store, and everything that it was told. */
export class TestNode implements AsyncDisposable {
  readonly deliveries: Delivered[] = [];
  readonly suspects: { readonly channel: string; readonly atMs: number }[] = [];
  readonly availability: boolean[] = [];
  readonly controls: ControlMessage[] = [];
  readonly lost: (readonly string[] | null)[] = [];
  /** What it was told, in order: `control`, `deliver` and `suspect`. */
  readonly told: string[] = [];
  readonly logged: string[] = [];
  #store: OpenBackplane | null = null;
  #ids = 0;

  static async open(
    options: RedisBackplaneOptions,
    limits: Partial<Limits> = {},
    faults: readonly Fault[] = [],
  ): Promise<TestNode> {
    const node = new TestNode();
    const note = (message: string): void => void node.logged.push(message);
    const context: BackplaneContext = {
      ports: systemPorts(),
      limits: { ...DEFAULT_LIMITS, ...limits },
      logger: { debug: note, info: note, warn: note, error: note },
      faults: new Set(faults),
      sink: {
        deliver: (channel, prev, pos, records) => {
          node.told.push("deliver");
          node.deliveries.push({ channel, prev, pos, records });
        },
        suspect: (channel) => node.suspects.push({ channel, atMs: performance.now() }),
        available: (isAvailable) => node.availability.push(isAvailable),
        ownershipLost: (channels) => {
          node.told.push("lost");
          node.lost.push(channels);
        },
      },
      onControl: (message) => {
        node.told.push("control");
        node.controls.push(message);
      },
    };
    node.#store = await openStore(options, context);
    return node;
  }

  get store(): OpenBackplane {
    if (this.#store === null) throw new Error("Expected an open store.");
    return this.#store;
  }

  get epoch(): string {
    return this.store.channels.idempotencyEpoch;
  }

  /** Publishes that many with fresh ids. Resolves to all results. */
  publishMany(channel: string, count: number, prefix: string = "id"): Promise<AppendResult[]> {
    return this.append(Array.from({ length: count }, () => ({ channel, id: `${prefix}-${++this.#ids}` })));
  }

  /** Publishes one. */
  async publish(channel: string, id: string, more: Partial<AppendRequest> = {}): Promise<AppendResult> {
    const [result] = await this.append([{ channel, id, ...more }]);
    if (result === undefined) throw new Error("Expected a result.");
    return result;
  }

  /** Appends one batch. */
  append(batch: readonly (Partial<AppendRequest> & { channel: string; id: string })[]): Promise<AppendResult[]> {
    return new Promise((resolve) => {
      const results: AppendResult[] = [];
      let left = batch.length;
      const requests = batch.map((more, index) => ({
        options: LOG,
        idempotency: { scope: "i:i_1", fingerprint: more.id, resend: null },
        data: JSON.stringify(more.id),
        publisher: null,
        amend: null,
        tags: null,
        meta: null,
        expiresInMs: 0,
        version: 1,
        ...more,
        done: (result: AppendResult): void => {
          results[index] = result;
          if (--left === 0) resolve(results);
        },
      }));
      this.store.channels.append(requests);
    });
  }

  apply(channel: string, change: ApplyRequest["change"], options: ChannelOptions = OWNED): Promise<ApplyResult> {
    return new Promise((done) => this.store.channels.apply([{ channel, options, change, done }]));
  }

  /** Sets an entry that belongs to an instance. */
  set(channel: string, key: string, instance: string): Promise<ApplyResult> {
    const owner = { user: `user of ${instance}`, instance };
    const change = { op: "set", key, data: '"here"', expect: null, owner, holder: "s_1", ownOnly: true } as const;
    return this.apply(channel, change);
  }

  async keys(channel: string): Promise<readonly string[]> {
    const snapshot = await value<{ readonly records: readonly { readonly key: string }[] }>((done) =>
      this.store.channels.snapshot(channel, OWNED, done),
    );
    return snapshot.records.map(({ key }) => key);
  }

  subscribe(channel: string, options: ChannelOptions = LOG): Promise<string> {
    return value((done) => this.store.channels.subscribe(channel, options, done));
  }

  read(channel: string, after: string): Promise<Page> {
    const bounds = { items: 20_000, bytes: 1e9 };
    return value((done) => this.store.channels.read({ channel, options: LOG, after, bounds }, done));
  }

  /** Ids in the log, from the oldest that is kept. */
  async ids(channel: string): Promise<readonly string[]> {
    return (await this.read(channel, "the beginning")).records.map((record) =>
      "id" in record ? record.id : record.key,
    );
  }

  delivered(channel: string): readonly string[] {
    return this.deliveries
      .filter((delivery) => delivery.channel === channel)
      .flatMap(({ records }) => records.map((record) => ("id" in record ? record.id : record.key)));
  }

  isSuspect(channel: string): boolean {
    return this.suspects.some((suspect) => suspect.channel === channel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#store !== null) await closeStore(this.#store);
  }
}

async function value<T>(ask: (done: (answer: Answer<T>) => void) => void): Promise<T> {
  const answer = await new Promise<Answer<T>>(ask);
  if (!answer.ok) throw new Error(`Expected an answer, got ${answer.code}: ${answer.message}`);
  return answer.value;
}

/** Waits until something is so. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  ms: number = PATIENCE_MS,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Expected within ${ms} ms: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
