import { setTimeout as wait } from "node:timers/promises";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Broker } from "./broker.ts";
import type { BrokerNetwork, Cut } from "./broker-network.ts";
import type { Cluster } from "./cluster.ts";

/** How often each kind of blow fell, by name. */
export type BlowCounts = Record<string, number>;

/** Something that may befall a part of the system. */
export interface Blow {
  readonly name: string;
  /** How often it is drawn, beside the others of its list. */
  readonly weight: number;
  /** Resolves when it is over, which the signal makes sooner. False: there was nothing to strike. */
  readonly strike: (random: SeededRandom, signal: AbortSignal) => Promise<boolean>;
}

/** Pauses between two blows, in milliseconds. */
export interface BlowPace {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** How long something stands still, in milliseconds: mostly little more than what is noticed, at times much more. */
const STILL = { short: [5_000, 7_000], long: [7_000, 15_000], longest: [15_000, 30_000] } as const;
/** How long a line is cut, in milliseconds. Some are over before anybody can notice. */
const CUT = { blink: [100, 1_000], short: [1_000, 5_000], long: [5_000, 12_000] } as const;

function within(random: SeededRandom, [least, most]: readonly [number, number]): number {
  return least + random.below(most - least);
}

/** Waits, until the signal at most. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => {});
}

const stillMs = (random: SeededRandom): number =>
  within(random, STILL[random.weigh({ short: 17, long: 2, longest: 1 })]);

const cutMs = (random: SeededRandom): number => within(random, CUT[random.weigh({ blink: 3, short: 5, long: 2 })]);

/** What befalls the broker itself. */
export function brokerBlows({ servers, disconnects }: Broker): readonly Blow[] {
  if (servers.length === 0) return [];
  const kill: Blow = {
    name: "broker killed",
    weight: 4,
    strike: async (random, signal) => {
      const server = random.pick(servers);
      await server.kill();
      // Some are back at once, before anybody has given up; others are missed.
      await pause(random.below(3) === 0 ? within(random, CUT.short) : random.below(300), signal);
      await server.start();
      return true;
    },
  };
  const stop: Blow = {
    name: "broker stopped",
    weight: 2,
    strike: async (random, signal) => {
      const server = random.pick(servers);
      await server.stop();
      await pause(stillMs(random), signal);
      server.resume();
      return true;
    },
  };
  const kills = Object.entries(disconnects).map(([name, disconnect]): Blow => {
    return { name, weight: 2, strike: (random) => disconnect(random).then(() => true) };
  });
  return [kill, stop, ...kills];
}

/** What befalls the network between nodes and broker. */
export function networkBlows(network: BrokerNetwork | null): readonly Blow[] {
  if (network === null) return [];
  const weights: Record<Cut, number> = { silence: 3, deaf: 1, mute: 1, refuse: 2 };
  return network.cuts.flatMap((how) => {
    const strike =
      (isAll: boolean): Blow["strike"] =>
      async (random, signal) => {
        const mend = await network.cut(how, isAll ? "all" : random.below(network.lines));
        await pause(cutMs(random), signal);
        await mend();
        return true;
      };
    return [
      { name: `${how} of a ${network.lineOf}`, weight: 2 * weights[how], strike: strike(false) },
      { name: `${how} of all`, weight: weights[how], strike: strike(true) },
    ];
  });
}

/** What befalls nodes beside being killed. */
export function nodeBlows(cluster: Cluster): readonly Blow[] {
  const strike: Blow["strike"] = async (random, signal) => {
    const resume = cluster.stop(random);
    if (resume === null) return false;
    await pause(stillMs(random), signal);
    resume();
    return true;
  };
  return [{ name: "node stopped", weight: 1, strike }];
}

/** Lets one of them fall now and then, until the signal. Resolves to how often each did. */
export async function befall(
  blows: readonly Blow[],
  pace: BlowPace,
  random: SeededRandom,
  signal: AbortSignal,
): Promise<BlowCounts> {
  const counts: BlowCounts = {};
  if (blows.length === 0) return counts;
  const weights = Object.fromEntries(blows.map(({ name, weight }) => [name, weight]));
  for (;;) {
    await pause(within(random, [pace.leastMs, pace.mostMs]), signal);
    if (signal.aborted) return counts;
    const name = random.weigh(weights);
    const blow = blows.find((one) => one.name === name);
    if ((await blow?.strike(random, signal)) === true) counts[name] = (counts[name] ?? 0) + 1;
  }
}
