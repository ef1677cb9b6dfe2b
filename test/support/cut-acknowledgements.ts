import type { Fault } from "@carillon/server/testing";
import { setTimeout as wait } from "node:timers/promises";
import type { Bundle } from "./bundle.ts";
import { DurableServer } from "./durable-server.ts";
import { LogWitness } from "./log-witness.ts";
import { RetryingPublisher, type PublishAnswer } from "./retrying-publisher.ts";
import { SeededRandom } from "./seeded-random.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** Where an acknowledgement is cut away. */
export const STAGES = [
  /** The connection breaks before the server has read the publish. */
  "before the append",
  /** The server has stored it and told others; its answer stays on the way. */
  "between append and acknowledgement",
  /** The answer has come, and nobody takes note of it. */
  "after the acknowledgement",
  /** The server is killed at a random moment. */
  "with the server",
] as const;

const PUBLISHERS = 10;
const CHANNELS = 4;
/** Publishes of one publisher in a round. */
const PER_ROUND = 250;
/** The longest that a server lives on after it was sent a round, in milliseconds; the round takes it about as long. */
const KILL_MS = 150;
const BUFFERED_MS = 5;

/** What is published and cut away. */
export interface CutPlan {
  /** See {@link DurableServer.program}. */
  readonly program: Bundle;
  readonly folder: string;
  /** 2,500 publishes each; the stages take turns. */
  readonly rounds: number;
  readonly seed: number;
  readonly faults?: readonly Fault[];
}

/** What came of it. All but the first four should be 0. */
export interface CutReport {
  /** Publications, by where their acknowledgement was cut away. */
  readonly published: Readonly<Record<string, number>>;
  readonly kills: number;
  /** Answers that came, the repeated ones included. */
  answers: number;
  /** Answers that were compared with an earlier one to the same publication. */
  compared: number;
  /** Answers that were another than the first one. */
  different: number;
  /** Answers that were errors. */
  refused: number;
  lost: number;
  duplicated: number;
  /** Publications behind one that the same publisher sent later. */
  reordered: number;
  /** Publications that were stored though they were cut away before the append: the stage would not be what it says. */
  early: number;
  /** Announced gaps, and pushes that did not link to the one before. */
  holes: number;
  /** Publications that a subscriber was told of in another order than they are stored in. */
  unlike: number;
}

/**
 * Publishes through real sessions over lmdb and cuts every acknowledgement away, in one of the {@link STAGES}; sends
 * everything again, and once more; and looks at every answer, at what a subscriber was told, and at what is stored.
 */
export async function cutAcknowledgements({ program, folder, rounds, seed, faults = [] }: CutPlan): Promise<CutReport> {
  await using server = new DurableServer({ program, folder, faults });
  await server.start();
  const proxy = await TcpProxy.start(server);
  const random = new SeededRandom(seed);
  const tally = new Tally();
  const channels = Array.from({ length: CHANNELS }, (_, index) => `chat:${index}`);
  const witness = new LogWitness(channels);
  const publishers = Array.from({ length: PUBLISHERS }, (_, index) => ({
    publisher: new RetryingPublisher(channels[index % CHANNELS] ?? "", (id, answer) => tally.note(id, answer)),
    ids: [] as string[],
  }));
  const ticket = (): Promise<string> => server.ticket("ada");
  const connect = async (): Promise<void> => {
    await Promise.all(
      publishers.map(({ publisher }) => publisher.connect(`ws://127.0.0.1:${proxy.port}/realtime`, ticket)),
    );
  };
  const watch = async (): Promise<void> => witness.connect(`ws://127.0.0.1:${server.port}/realtime`, await ticket());
  await watch();
  await connect();

  const sendAll = (): void => publishers.forEach(({ publisher, ids }) => publisher.send(ids, false));
  const published: Record<string, number> = {};
  let [total, early] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    for (const [index, one] of publishers.entries()) {
      one.ids = Array.from({ length: PER_ROUND }, (_, number) => `${index}-${round}-${number}`);
    }
    const stage = STAGES[round % STAGES.length] ?? STAGES[0];
    const count = PUBLISHERS * PER_ROUND;
    published[stage] = (published[stage] ?? 0) + count;
    total += count;
    if (stage === "before the append") {
      proxy.stall();
      sendAll();
      await wait(BUFFERED_MS);
      proxy.reset();
      proxy.resume();
    } else if (stage === "between append and acknowledgement") {
      for (const { publisher } of publishers) publisher.deafen();
      sendAll();
      await witness.until(total);
    } else if (stage === "after the acknowledgement") {
      await Promise.all(publishers.map(({ publisher, ids }) => publisher.ask(ids, false)));
    } else {
      sendAll();
      await wait(random.below(KILL_MS));
      await server.kill();
      witness.close();
      await server.start();
      await watch();
    }
    await Promise.all(publishers.map(({ publisher }) => publisher.cut()));
    await connect();
    if (stage === "before the append") early += witness.count - (total - count);
    for (let again = 0; again < 2; again++) {
      await Promise.all(publishers.map(({ publisher, ids }) => publisher.ask(ids, true)));
    }
  }
  await witness.until(total);
  const report = await tally.report(witness, channels, total);
  await Promise.all(publishers.map(({ publisher }) => publisher.cut()));
  witness.close();
  await proxy.close();
  return { published, kills: server.kills, early, ...report };
}

/** Counts answers, and compares those to the same publication. */
class Tally {
  readonly #first = new Map<string, PublishAnswer>();
  #answers = 0;
  #compared = 0;
  #different = 0;
  #refused = 0;

  note(id: string, answer: PublishAnswer): void {
    this.#answers++;
    if (typeof answer === "string") {
      this.#refused++;
      return;
    }
    const first = this.#first.get(id);
    if (first === undefined) this.#first.set(id, answer);
    else {
      this.#compared++;
      if (typeof first === "string" || first.pos !== answer.pos || first.at !== answer.at) this.#different++;
    }
  }

  /** Compares what was told, what is stored and what was published. */
  async report(
    witness: LogWitness,
    channels: readonly string[],
    total: number,
  ): Promise<Omit<CutReport, "published" | "kills" | "early">> {
    const known = new Set<string>();
    let [duplicated, reordered, holes, unlike] = [0, 0, 0, 0];
    for (const channel of channels) {
      const stored = await witness.history(channel);
      const { ids, gaps, breaks } = witness.seen.get(channel) ?? { ids: [], gaps: [], breaks: 0 };
      holes += gaps.length + breaks;
      unlike += Math.abs(stored.length - ids.length) + stored.filter((id, index) => ids[index] !== id).length;
      const latest = new Map<string, number>();
      for (const id of stored) {
        if (known.has(id)) duplicated++;
        known.add(id);
        const [publisher = "", round, number] = id.split("-");
        const place = Number(round) * PER_ROUND + Number(number);
        if (place < (latest.get(publisher) ?? -1)) reordered++;
        latest.set(publisher, Math.max(place, latest.get(publisher) ?? -1));
      }
    }
    const [answers, compared, different, refused] = [this.#answers, this.#compared, this.#different, this.#refused];
    return { answers, compared, different, refused, lost: total - known.size, duplicated, reordered, holes, unlike };
  }
}
