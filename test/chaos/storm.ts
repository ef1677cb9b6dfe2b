import { setTimeout as wait } from "node:timers/promises";
import { SeededRandom } from "../support/seeded-random.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import type { Broker } from "./brokers.ts";
import type { ClientCounts } from "./client-config.ts";
import type { Cluster } from "./cluster.ts";
import type { ChannelNames } from "./contract.ts";
import { Crowd, type MemberConfig } from "./crowd.ts";
import type { ChaosOptions } from "./options.ts";
import { readTops } from "./stored-state.ts";
import { Weather, type WeatherCounts } from "./weather.ts";

/** What a storm passes over. */
export interface StormSetting {
  readonly options: ChaosOptions;
  /** The bundled `client-process.ts`. */
  readonly program: string;
  readonly cluster: Cluster;
  readonly broker: Broker;
  readonly names: ChannelNames;
  /** Where clients write what they see. */
  readonly journals: string;
  /** Called after each kill of a node. */
  readonly onKill: (kills: number, counts: ClientCounts) => void;
}

/** What happened beside kills of nodes, which the cluster counts. */
export interface StormCounts {
  readonly clientKills: number;
  /** What befell the broker. */
  readonly blows: number;
  readonly weather: WeatherCounts;
  /** Outcomes of publishes and sets that never came. */
  readonly pending: number;
}

/** Clients get to know of a server before the first kill, in milliseconds. */
const WARM_UP_MS = 1_000;
/** One kill in so many comes while the node has hardly started. */
const EARLY_EVERY = 8;
const EARLY_MS = 300;
/** Between kills of client processes, and between blows to the broker, in milliseconds. */
const PAUSE_MS = { least: 2_000, most: 6_000 };
/** For subscribers to come home in the end, in milliseconds. */
const FINISH_MS = 30_000;

/** Chance for each who draws, so that what one of them draws does not depend on when the others do. */
class Chances {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  next(): SeededRandom {
    return new SeededRandom(this.#random.below(2 ** 32));
  }
}

/**
 * From the first client to the moment when all of them have what there is. Rejects when a process ends that nobody has
 * killed, or does not do what it is told.
 */
export async function letStormPass(setting: StormSetting): Promise<StormCounts> {
  const { options, program, cluster, broker, names } = setting;
  const chances = new Chances(options.seed);
  const proxies: TcpProxy[] = [];
  const target = cluster.target(chances.next());
  const over = new AbortController();
  try {
    for (let index = 0; index < options.clients; index++) proxies.push(await TcpProxy.start(target));
    await using crowd = new Crowd(program, memberConfigs(setting, proxies, chances.next()));
    await wait(WARM_UP_MS);
    using weather = new Weather(proxies, chances.next());
    const mortals = Array.from({ length: options.clients }, (_, index) => index).filter(isMortal);
    const kills = mortals.map((index) => () => crowd.strike(index));
    const others = Promise.all([
      befall(kills, chances.next(), over.signal),
      befall(Object.values(broker.blows), chances.next(), over.signal),
    ]);
    await Promise.race([killNodes(setting, crowd, chances.next()), cluster.failed, others.then(never)]);
    over.abort();
    const [, blows] = await others;
    weather.end();
    const pending = await Promise.race([crowd.settle(), cluster.failed]);
    await Promise.race([crowd.finish(await readTops(cluster.url, names), FINISH_MS), cluster.failed]);
    return { clientKills: crowd.kills, blows, weather: weather.counts, pending };
  } finally {
    over.abort();
    for (const proxy of proxies) await proxy.close();
  }
}

/** What has ended well does not end a race; only its error does. */
const never = (): Promise<never> => new Promise(() => {});

async function killNodes(
  { options, cluster, onKill }: StormSetting,
  crowd: Crowd,
  random: SeededRandom,
): Promise<void> {
  for (let kill = 1; kill <= options.kills; kill++) {
    await wait(random.below(EARLY_EVERY) === 0 ? random.below(EARLY_MS) : 1_000 + random.below(2_000));
    await cluster.strike(random);
    onKill(kill, crowd.counts);
  }
}

/** Strikes one of them now and then, until the signal. Resolves to how often. */
async function befall(
  blows: readonly (() => Promise<void>)[],
  random: SeededRandom,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  while (!signal.aborted && blows.length > 0) {
    const pauseMs = PAUSE_MS.least + random.below(PAUSE_MS.most - PAUSE_MS.least);
    await wait(pauseMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    await random.pick(blows)();
    count++;
  }
  return count;
}

/** True for the client process that is killed now and then. */
const isMortal = (index: number): boolean => index % 4 === 1;
/** True for the client process whose thread stands still now and then. */
const isSlow = (index: number): boolean => index % 4 === 2;

/** Publishers and subscribers, spread over the processes; in each somebody wanders. */
function memberConfigs(
  { options, names, journals }: StormSetting,
  proxies: readonly TcpProxy[],
  random: SeededRandom,
): MemberConfig[] {
  const shareOf = (total: number, index: number): number =>
    Math.floor((total * (index + 1)) / options.clients) - Math.floor((total * index) / options.clients);
  return proxies.map((proxy, index) => ({
    name: `c${index}`,
    url: `http://127.0.0.1:${proxy.port}`,
    folder: journals,
    seed: random.below(2 ** 31),
    channels: names,
    publishers: shareOf(options.publishers, index),
    rate: options.rate,
    subscribers: Array.from({ length: shareOf(options.subscribers, index) }, (_, subscriber) =>
      subscriber === 0 ? "wandering" : "steady",
    ),
    isSlow: isSlow(index),
  }));
}
