import type { Fault, Limits } from "@carillon/server/testing";
import type {
  Answer,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
  OpenBackplane,
  Page,
} from "@carillon/server/backplane";
import { RedisError, type RedisBackplaneOptions } from "@carillon/redis";
import { idsOf, LOG, OWNED, ToldStore, type Publish } from "../../../test/support/told-store.ts";
import { openStore } from "./stores.ts";

/** Of a node that gives up on Redis sooner than others, in milliseconds: then a test of outages is short. */
const IMPATIENT = { timeoutMs: 800, patienceMs: 300, watchMs: 100 };
/** Attempts of such a node to open. */
const OPENINGS_MAX = 10;

/** A node without a server around it: a store, and everything that it was told. */
export class TestNode extends ToldStore {
  #ids = 0;

  static async open(
    options: RedisBackplaneOptions,
    limits: Partial<Limits> = {},
    faults: readonly Fault[] = [],
  ): Promise<TestNode> {
    const node = new TestNode();
    await node.open((context) => openStore(options, context), limits, faults);
    return node;
  }

  /** One that gives up soon on requests. It opens all the same: on a busy machine that may take longer than a request. */
  static async impatient(options: RedisBackplaneOptions): Promise<TestNode> {
    for (let left = OPENINGS_MAX - 1; ; left--) {
      try {
        return await TestNode.open({ ...IMPATIENT, ...options });
      } catch (error) {
        if (left === 0 || !(error instanceof RedisError) || error.code !== "unreachable") throw error;
      }
    }
  }

  get store(): OpenBackplane {
    return this.backplane;
  }

  get epoch(): string {
    return this.store.channels.idempotencyEpoch;
  }

  /** Publishes that many with fresh ids. Resolves to all results. */
  publishMany(channel: string, count: number, prefix: string = "id"): Promise<AppendResult[]> {
    return this.append(Array.from({ length: count }, () => ({ channel, id: `${prefix}-${++this.#ids}` })));
  }

  /** Publishes one. */
  async publish(channel: string, id: string, more: Partial<Publish> = {}): Promise<AppendResult> {
    const [result] = await this.append([{ channel, id, ...more }]);
    if (result === undefined) throw new Error("Expected a result.");
    return result;
  }

  /** Sends a publish again, as one that may have been stored, until it is known how it ended. Resolves to the position. */
  async publishUntilKnown(channel: string, id: string): Promise<string> {
    const { pos } = await this.untilKnown((tries) => {
      const resend = tries === 0 ? null : { epoch: this.epoch, at: Date.now() };
      return { channel, id, idempotency: { scope: "i:i_1", fingerprint: id, resend } };
    });
    return pos;
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
    return idsOf((await this.read(channel, "the beginning")).records);
  }

  delivered(channel: string): readonly string[] {
    return this.idsDelivered(channel);
  }
}

async function value<T>(ask: (done: (answer: Answer<T>) => void) => void): Promise<T> {
  const answer = await new Promise<Answer<T>>(ask);
  if (!answer.ok) throw new Error(`Expected an answer, got ${answer.code}: ${answer.message}`);
  return answer.value;
}
