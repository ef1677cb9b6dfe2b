import { setTimeout as wait } from "node:timers/promises";
import { LiveSwallower } from "../support/live-swallower.ts";
import { NatsServer } from "../support/nats-server.ts";
import { RedisServer, SYNCED_EACH_SECOND } from "../support/redis-server.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { quantile, spread, type Drill, type DrillContext, type DrillResult } from "./drill.ts";
import { DrillNode } from "./drill-node.ts";
import { Follower } from "./follower.ts";
import type { DrillOptions } from "./options.ts";

const CHANNELS = Array.from({ length: 48 }, (_, index) => `feed:${index}`);
const NODES = 3;
/** What was swallowed is healed within this time, at p99, in milliseconds. */
const HEALED_MS = 2_000;
/** What is not healed by then never will be, in milliseconds. */
const NEVER_MS = 8_000;
/** The longest time between two publishes. */
const PAUSE_MS = 60;
/** Of the swallowed ones, so many in ten have something behind them soon. */
const FOLLOWED_IN_TEN = 3;
const BEHIND_MS = 300;

/** A publication that one node or more did not hear of. */
interface Swallowed {
  readonly channel: string;
  /** Nothing came behind it that would have shown that it is missing. */
  readonly isLast: boolean;
  /** When it was dropped, by node. */
  readonly droppedAt: Map<number, number>;
  /** When it came, by node; or that it never did. */
  readonly healedMs: Map<number, number>;
}

/** Three nodes, each behind a proxy of its own, with followers and publishers. */
class SwallowStage {
  readonly all: Swallowed[] = [];
  readonly #nodes: readonly DrillNode[];
  readonly #swallowers: readonly LiveSwallower[];
  readonly #random: SeededRandom;
  readonly #followers: Follower[] = [];
  readonly #publishers: Follower[] = [];
  /** What each proxy drops, by id. */
  readonly #marks = Array.from({ length: NODES }, () => new Map<string, Swallowed>());
  readonly #published = new Map<string, string[]>();
  readonly #busy = new Set<string>();
  #count = 0;

  constructor(nodes: readonly DrillNode[], swallowers: readonly LiveSwallower[], random: SeededRandom) {
    this.#nodes = nodes;
    this.#swallowers = swallowers;
    this.#random = random;
  }

  async open(): Promise<void> {
    for (const [index, node] of this.#nodes.entries()) {
      const [follower, publisher] = [new Follower(`follower-${index}`), new Follower(`publisher-${index}`)];
      await follower.connect(node.url, await node.ticket(follower.name), CHANNELS);
      await publisher.connect(node.url, await node.ticket(publisher.name), []);
      this.#followers.push(follower);
      this.#publishers.push(publisher);
      follower.onItem = (_, id) => this.#came(index, id);
      const swallower = this.#swallowers[index];
      if (swallower !== undefined) swallower.swallows = (message) => this.#swallows(index, message);
    }
    // The first publication of a channel is not told from a channel that begins.
    for (const channel of CHANNELS) await this.#publish(channel, this.#nextId());
  }

  /** Deliveries that were dropped so far. */
  get dropped(): number {
    return this.all.reduce((sum, { droppedAt }) => sum + droppedAt.size, 0);
  }

  /** Publishes in a channel that is at rest; one node in three does not hear of it, at times two or all. */
  step(): void {
    const idle = CHANNELS.filter((channel) => !this.#busy.has(channel));
    if (idle.length === 0) return;
    const channel = this.#random.pick(idle);
    this.#busy.add(channel);
    void this.#swallow(channel).finally(() => this.#busy.delete(channel));
  }

  /** Waits until nothing is under way. */
  async rest(): Promise<void> {
    while (this.#busy.size > 0) await wait(10);
  }

  /** What is wrong with what followers were told as a whole: a sentence each. */
  get wrong(): string[] {
    return this.#followers.flatMap((follower) =>
      CHANNELS.flatMap((channel) => {
        const { told, breaks } = follower.of(channel);
        const published = this.#published.get(channel) ?? [];
        const ids = told.flatMap((event) => (event.what === "item" ? [event.id] : []));
        const isWhole = ids.length === published.length && ids.every((id, index) => id === published[index]);
        const gaps = told.filter(({ what }) => what === "gap").length;
        if (isWhole && breaks === 0 && gaps === 0) return [];
        return [
          `${follower.name}, ${channel}: ${ids.length} of ${published.length} publications, ${breaks} breaks, ${gaps} gaps`,
        ];
      }),
    );
  }

  close(): void {
    for (const follower of [...this.#followers, ...this.#publishers]) follower.cut();
  }

  async #swallow(channel: string): Promise<void> {
    const id = this.#nextId();
    const victims = this.#random.weigh({ one: 8, two: 1, all: 1 });
    const first = this.#random.below(NODES);
    const nodes = Array.from(
      { length: { one: 1, two: 2, all: NODES }[victims] },
      (_, index) => (first + index) % NODES,
    );
    const isLast = this.#random.below(10) >= FOLLOWED_IN_TEN;
    const swallowed: Swallowed = { channel, isLast, droppedAt: new Map(), healedMs: new Map() };
    this.all.push(swallowed);
    for (const node of nodes) this.#marks[node]?.set(id, swallowed);
    await this.#publish(channel, id);
    if (!isLast) {
      await wait(this.#random.below(BEHIND_MS));
      await this.#publish(channel, this.#nextId());
    }
    const end = performance.now() + NEVER_MS;
    while (swallowed.healedMs.size < nodes.length && performance.now() < end) await wait(10);
    for (const node of nodes) this.#marks[node]?.delete(id);
  }

  async #publish(channel: string, id: string): Promise<void> {
    const publisher = this.#random.pick(this.#publishers);
    const ids = this.#published.get(channel) ?? [];
    this.#published.set(channel, ids);
    ids.push(id);
    await publisher.command({ cmd: "publish", channel, publication: id, data: { by: publisher.name, n: ids.length } });
  }

  #nextId(): string {
    return `swallow-${this.#count++}-`;
  }

  #swallows(node: number, message: Buffer): boolean {
    for (const [id, swallowed] of this.#marks[node] ?? []) {
      if (swallowed.droppedAt.has(node) || !message.includes(id)) continue;
      swallowed.droppedAt.set(node, performance.now());
      return true;
    }
    return false;
  }

  #came(node: number, id: string): void {
    const swallowed = this.#marks[node]?.get(id);
    const droppedAt = swallowed?.droppedAt.get(node);
    if (droppedAt !== undefined) swallowed?.healedMs.set(node, performance.now() - droppedAt);
  }
}

async function run(options: DrillOptions, context: DrillContext): Promise<DrillResult> {
  const { backplane, times, seed } = options;
  await using broker = await (backplane === "redis" ? RedisServer.start(...SYNCED_EACH_SECOND) : NatsServer.start());
  const start = (): Promise<LiveSwallower> => LiveSwallower.start(broker, backplane);
  await using one = await start();
  await using two = await start();
  await using three = await start();
  const proxies = [one, two, three];
  const { program, faults, folder } = context;
  await using nodes = await DrillNode.startAll(proxies.length, (index) => ({
    program,
    broker: { kind: backplane, port: proxies[index]?.port ?? 0 },
    faults,
    folder,
    name: `node-${index}`,
  }));
  const random = new SeededRandom(seed);
  const stage = new SwallowStage(nodes, proxies, random);
  try {
    await stage.open();
    while (stage.dropped < times) {
      stage.step();
      await wait(random.below(PAUSE_MS));
      context.progress(`${stage.dropped}/${times} dropped`);
    }
    await stage.rest();
    return report(stage, nodes.errors);
  } finally {
    stage.close();
  }
}

function report(stage: SwallowStage, errors: readonly string[]): DrillResult {
  const healed = (isLast: boolean): number[] =>
    stage.all.filter((one) => one.isLast === isLast).flatMap(({ healedMs }) => [...healedMs.values()]);
  const [last, followed] = [healed(true), healed(false)];
  const all = [...last, ...followed].sort((a, b) => a - b);
  const never = stage.dropped - all.length;
  const { wrong } = stage;
  const p99 = quantile(all, 0.99);
  return {
    rows: [
      ["live messages dropped", String(stage.dropped)],
      ["healed, nothing followed", `${last.length}: ${spread(last)}`],
      ["healed, something followed", `${followed.length}: ${spread(followed)}`],
      ["healed, all", `${all.length}: ${spread(all)}`],
      ["never healed", String(never)],
      ["followers with a wrong log", String(wrong.length)],
    ],
    misses: [
      ...(never > 0 ? [`never healed: ${never} of ${stage.dropped} dropped messages`] : []),
      ...(p99 > HEALED_MS ? [`healed within ${p99.toFixed(0)} ms at p99, expected ${HEALED_MS} ms`] : []),
      ...(last.length === 0 ? ["no message was dropped that nothing followed: the drill shows nothing"] : []),
      ...wrong.slice(0, 5),
      ...errors.slice(0, 5).map((line) => `a node logged: ${line}`),
    ],
  };
}

/** A live message that is lost is noticed, though nothing follows it (P6). */
export const swallow: Drill = {
  controls: [
    {
      name: "nobody compares what was delivered with what is stored",
      sabotage: {
        redis: {
          file: "packages/redis/src/watch.ts",
          find: "for (const { subscribed, top } of changes) this.#compare(subscribed, top);",
          replace: "for (const _ of changes);",
        },
        nats: {
          file: "packages/nats/src/silence-watch.ts",
          find: "await this.#check(subscribed);",
          replace: "void subscribed;",
        },
      },
      reported: /^never healed/,
      scale: { times: 20 },
    },
  ],
  run,
};
