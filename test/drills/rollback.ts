import { quantile, spread, type Drill, type DrillContext, type DrillResult } from "./drill.ts";
import { DrillNode } from "./drill-node.ts";
import type { DrillOptions } from "./options.ts";
import { RewindableNats } from "./rewindable-nats.ts";
import { RewindableRedis } from "./rewindable-redis.ts";
import { RollbackStage } from "./rollback-stage.ts";
import type { RollbackVerdict } from "./rollback-check.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const NODES = 3;
/** Rounds with the same channels and clients. */
const ROUNDS = 10;
/** Everybody who is affected is told within this time of the moment when the broker can be reached, in milliseconds. */
const TOLD_MS = 2_000;
/** Sentences that are shown. */
const EXAMPLES_MAX = 10;

/** All verdicts of a run. */
class Tally {
  readonly live: number[] = [];
  readonly back: number[] = [];
  readonly wrong: string[] = [];
  readonly reasons = new Map<string, number>();
  readonly rounds = new Map<string, number>();
  published = 0;
  affected = 0;
  spared = 0;
  fitted = 0;
  fittedBack = 0;
  early = 0;

  /** Subscriptions that were told of a rollback. */
  get told(): number {
    return this.live.length + this.back.length;
  }

  add({ isAffected, toldMs, reason, wrong, wouldFit, wasEarly }: RollbackVerdict, isBack: boolean): void {
    if (isAffected) this.affected++;
    else this.spared++;
    if (toldMs !== null) (isBack ? this.back : this.live).push(toldMs);
    if (reason !== null) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    if (wrong !== null) this.wrong.push(wrong);
    if (wasEarly) this.early++;
    if (wouldFit) this.fitted++;
    if (wouldFit && isBack) this.fittedBack++;
  }
}

async function run(options: DrillOptions, context: DrillContext): Promise<DrillResult> {
  const { backplane, seed, times, clients } = options;
  const random = new SeededRandom(seed);
  await using broker = await (backplane === "redis" ? RewindableRedis.start() : RewindableNats.start());
  const { program, faults, folder } = context;
  await using nodes = await DrillNode.startAll(NODES, (index) => ({
    program,
    broker: broker.address,
    faults,
    folder,
    name: `node-${index}`,
  }));
  const tally = new Tally();
  for (let round = 0; round < times;) {
    using stage = await RollbackStage.open({ name: String(round), broker, nodes, clients, random });
    for (const end = Math.min(times, round + ROUNDS); round < end; round++) {
      const way = broker.ways[round % broker.ways.length] ?? "";
      for (const { verdict, isBack } of await stage.round(way)) tally.add(verdict, isBack);
      tally.rounds.set(way, (tally.rounds.get(way) ?? 0) + 1);
      const example = tally.wrong.length === 0 ? "" : `, such as ${tally.wrong[0]}`;
      context.progress(`${round + 1}/${times}: ${tally.told} told, ${tally.wrong.length} wrong${example}`);
    }
    tally.published += stage.published;
  }
  return report(tally, nodes.errors);
}

function report(tally: Tally, errors: readonly string[]): DrillResult {
  const { live, back, wrong, affected, spared, published, fitted, fittedBack, early } = tally;
  const all = [...live, ...back].sort((a, b) => a - b);
  const late = all.filter((ms) => ms > TOLD_MS);
  const falseRecoveries = wrong.filter((sentence) => sentence.startsWith("false recovery"));
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
  const misses = [
    ...(falseRecoveries.length > 0 ? [`false recoveries: ${falseRecoveries.length} of ${affected}`] : []),
    ...wrong.slice(0, EXAMPLES_MAX),
    ...(wrong.length > EXAMPLES_MAX ? [`and ${wrong.length - EXAMPLES_MAX} more of that kind`] : []),
    ...(late.length > 0
      ? [`${late.length} were told later than ${TOLD_MS} ms, the last after ${quantile(all, 1)} ms`]
      : []),
    ...(affected === 0 ? ["nobody was affected: the drill shows nothing"] : []),
    ...errors.slice(0, EXAMPLES_MAX).map((line) => `a node logged: ${line}`),
  ];
  return {
    rows: [
      ["rollbacks", list(tally.rounds)],
      ["published", String(published)],
      ["subscriptions not affected", String(spared)],
      ["subscriptions affected", `${affected}: ${live.length} live and ${back.length} coming back were told`],
      ["gaps, by reason", list(tally.reasons)],
      ["told, live", spread(live)],
      ["told, coming back", spread(back)],
      ["told, all", spread(all)],
      ["back before the node knew", `${early} of ${back.length}: let in as live, then told like those`],
      ["false recoveries", String(falseRecoveries.length)],
      ["epoch and offset fit again", `${fitted} of ${affected}, ${fittedBack} of them at the moment of coming back`],
    ],
    misses,
  };
}

/** A log that went back must not pass for the same log (P5). */
export const rollback: Drill = {
  controls: [
    {
      name: "no-tag-check: positions are compared by epoch and offset alone",
      faults: ["no-tag-check"],
      reported: /^false recoveries: [1-9]/,
      scale: { times: 6 },
    },
  ],
  run,
};
