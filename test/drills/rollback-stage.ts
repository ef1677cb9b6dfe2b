import { setTimeout as wait } from "node:timers/promises";
import { until } from "../support/until.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { DrillNode } from "./drill-node.ts";
import { Follower } from "./follower.ts";
import type { Rewindable } from "./rewindable.ts";
import { judgeRollback, type RollbackVerdict } from "./rollback-check.ts";
import { SteadyPublisher } from "./steady-publisher.ts";
import { readStoredLog, readTop, type StoredLog } from "./stored-log.ts";

const CHANNELS = 6;
const PUBLISHERS = 6;
/** Between two publishes of one publisher. */
const PUBLISH_MS = 70;
/** The longest time that publications go lost, that the broker is away, and that is published after that. */
const LOST_MS = 600;
const AWAY_MS = 2_500;
const AFTER_MS = 1_200;
/** The longest time until one that is away comes back. */
const BACK_MS = 2_000;
/** Everybody is at the end of every log by then, or won't be. */
const SETTLE_MS = 10_000;
/** Between two looks, or attempts. */
const LOOK_MS = 10;
const RETRY_MS = 50;

/** What the stage is made of. */
export interface RollbackStageOptions {
  /** Names its channels, which are its own: who is told of a gap gets the whole log again, so logs are to stay short. */
  readonly name: string;
  readonly broker: Rewindable;
  readonly nodes: readonly DrillNode[];
  /** Followers, over all nodes; a third of them is away in each round. */
  readonly clients: number;
  readonly random: SeededRandom;
}

/** A verdict on one follower of one channel. */
export interface RoundVerdict {
  readonly verdict: RollbackVerdict;
  /** It was away, and came back with its position. */
  readonly isBack: boolean;
}

/** What a follower was told when it came back, by channel. */
type Returns = Map<string, { readonly at: number; readonly pos: string; readonly live: boolean }>;

/** Live followers and publishers over a broker that is thrown back under them. */
export class RollbackStage implements Disposable {
  readonly #options: RollbackStageOptions;
  readonly #channels: readonly string[];
  readonly #followers: Follower[] = [];
  readonly #publishers: SteadyPublisher[] = [];
  readonly #reader = new Follower("reader");
  /** The last id of each channel when the round began. */
  #before = new Map<string, string>();

  private constructor(options: RollbackStageOptions) {
    this.#options = options;
    this.#channels = Array.from({ length: CHANNELS }, (_, index) => `feed:${options.name}-${index}`);
  }

  static async open(options: RollbackStageOptions): Promise<RollbackStage> {
    const stage = new RollbackStage(options);
    const { nodes, clients, random } = options;
    for (let index = 0; index < PUBLISHERS; index++) {
      const node = nodeAt(nodes, index);
      stage.#publishers.push(
        new SteadyPublisher({ node, name: `p${index}`, channels: stage.#channels, everyMs: PUBLISH_MS, random }),
      );
    }
    const first = nodeAt(nodes, 0);
    await stage.#reader.connect(first.url, await first.ticket("reader"), []);
    for (let index = 0; index < clients; index++) {
      const [node, follower] = [nodeAt(nodes, index), new Follower(`f${index}`)];
      await follower.connect(node.url, await node.ticket(follower.name), stage.#channels);
      stage.#followers.push(follower);
    }
    return stage;
  }

  /** Publications that were sent so far. */
  get published(): number {
    return this.#publishers.reduce((sum, { publishes }) => sum + publishes.length, 0);
  }

  /**
   * One rollback, and what everybody was told of it:
   *
   *     common ── kept ── lost ── crash ── (away) ── restored ── new ── rest
   *             ▲ some leave    ▲ others leave        ▲ those who left come back, each at its own time, with what they had
   */
  async round(way: string): Promise<RoundVerdict[]> {
    const { broker, random } = this.#options;
    for (const follower of this.#followers) for (const followed of follower.channels.values()) followed.told = [];
    const leaving = this.#followers.filter(() => random.below(3) === 0);
    const [behind, ahead] = [
      leaving.filter((_, index) => index % 3 === 0),
      leaving.filter((_, index) => index % 3 > 0),
    ];
    this.#resume();
    await wait(100 + random.below(200));
    for (const follower of behind) follower.cut();
    const rewind = await broker.keep(way);
    await this.#flowing();
    await wait(100 + random.below(LOST_MS));
    for (const follower of ahead) follower.cut();
    // In some rounds nobody publishes what would show that offsets are used again.
    const isQuiet = random.below(4) === 0;
    if (isQuiet) await this.#rest();
    await rewind.crash();
    if (random.below(3) === 0) await wait(random.below(AWAY_MS));
    const restoredAt = await rewind.restore();
    const returns = leaving.map(async (follower) => [follower, await this.#comeBack(follower)] as const);
    if (!isQuiet) await wait(random.below(AFTER_MS));
    await this.#rest();
    const back = new Map(await Promise.all(returns));
    const stored = await this.#settle();
    const verdicts = this.#followers.flatMap((follower) =>
      this.#judge(follower, stored, restoredAt, back.get(follower)),
    );
    this.#before = new Map([...stored].map(([channel, { ids }]) => [channel, ids.at(-1) ?? ""]));
    return verdicts;
  }

  [Symbol.dispose](): void {
    for (const publisher of this.#publishers) publisher[Symbol.dispose]();
    for (const follower of [...this.#followers, this.#reader]) follower.cut();
  }

  #resume(): void {
    for (const publisher of this.#publishers) publisher.start();
  }

  async #rest(): Promise<void> {
    await Promise.all(this.#publishers.map((publisher) => publisher.rest()));
  }

  /** Waits until something that is published now is stored: keeping may have taken the broker away for a moment. */
  async #flowing(): Promise<void> {
    const begun = this.#publishers.map(({ publishes }) => publishes.length);
    await until(
      () =>
        this.#publishers.every(({ publishes }, index) =>
          publishes.slice(begun[index]).some(({ outcome }) => outcome === "stored"),
        ),
      "that what is published gets stored",
      SETTLE_MS,
    );
  }

  /** Comes back on any node, with the positions that it has; again and again while the server refuses. */
  async #comeBack(follower: Follower): Promise<Returns> {
    const { nodes, random } = this.#options;
    await wait(random.below(BACK_MS));
    const at = performance.now();
    const node = random.pick(nodes);
    const end = at + SETTLE_MS;
    for (;;) {
      try {
        await follower.connect(node.url, await node.ticket(follower.name), []);
        break;
      } catch (error) {
        if (performance.now() > end) throw error;
        await wait(RETRY_MS);
      }
    }
    const returned = await Promise.all(
      this.#channels.map(async (channel) => {
        for (;;) {
          try {
            return [channel, { at, ...(await follower.subscribe(channel)) }] as const;
          } catch (error) {
            if (performance.now() > end) throw error;
            await wait(RETRY_MS);
          }
        }
      }),
    );
    return new Map(returned);
  }

  /** Gives everybody time to come to the end of every log, and reads what is stored. */
  async #settle(): Promise<ReadonlyMap<string, StoredLog>> {
    for (const channel of this.#channels) {
      const top = await readTop(this.#reader, channel);
      const end = performance.now() + SETTLE_MS;
      const isHome = (): boolean => this.#followers.every((follower) => follower.of(channel).position === top);
      while (!isHome() && performance.now() < end) await wait(LOOK_MS);
    }
    const logs = this.#channels.map(async (channel) => [channel, await readStoredLog(this.#reader, channel)] as const);
    return new Map(await Promise.all(logs));
  }

  #judge(
    follower: Follower,
    stored: ReadonlyMap<string, StoredLog>,
    restoredAt: number,
    returns: Returns | undefined,
  ): RoundVerdict[] {
    return [...stored].map(([channel, log]) => {
      const { told, breaks, position } = follower.of(channel);
      const verdict = judgeRollback({
        name: `${follower.name} of ${channel}`,
        before: this.#before.get(channel) ?? "",
        told,
        breaks,
        position,
        stored: log,
        restoredAt,
        back: returns?.get(channel) ?? null,
      });
      // What is wrong is told once; the next round starts where the log is.
      follower.of(channel).breaks = 0;
      follower.of(channel).position = verdict.wrong === null ? position : log.pos;
      return { verdict, isBack: returns !== undefined };
    });
  }
}

function nodeAt(nodes: readonly DrillNode[], index: number): DrillNode {
  const node = nodes[index % nodes.length];
  if (node === undefined) throw new Error("Expected a node.");
  return node;
}
