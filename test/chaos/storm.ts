import { setTimeout as wait } from "node:timers/promises";
import { SeededRandom } from "../support/seeded-random.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { befall, brokerBlows, networkBlows, nodeBlows, type Blow, type BlowCounts, type BlowPace } from "./blows.ts";
import type { Broker } from "./broker.ts";
import type { ClientCounts } from "./client-config.ts";
import type { Cluster } from "./cluster.ts";
import type { ChannelNames } from "./contract.ts";
import { Crowd, type MemberConfig } from "./crowd.ts";
import type { ChaosOptions } from "./options.ts";
import type { Roster } from "./records.ts";
import { readRoster, readTops } from "./stored-state.ts";
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
  /** Of nodes, of the broker and of the network between them. */
  readonly blows: BlowCounts;
  readonly weather: WeatherCounts;
  /** Outcomes of publishes and sets that never came. */
  readonly pending: number;
  /** Who was present when all were at home. */
  readonly roster: Roster;
}

/** Clients get to know of a server before the first kill, in milliseconds. */
const WARM_UP_MS = 1_000;
/** One kill in so many comes while the node has hardly started. */
const EARLY_EVERY = 8;
const EARLY_MS = 300;
/** Between kills of nodes: of one, since it has been back; of many, since the last kill of any. */
const KILL_PACE = {
  ofOne: { leastMs: 1_000, mostMs: 3_000 },
  ofMany: { leastMs: 1_500, mostMs: 3_500 },
} as const satisfies Record<string, BlowPace>;
/** Between kills of client processes, and between blows to the broker, to the network and to nodes. */
const PACE = {
  clients: { leastMs: 2_000, mostMs: 6_000 },
  broker: { leastMs: 8_000, mostMs: 20_000 },
  network: { leastMs: 5_000, mostMs: 15_000 },
  nodes: { leastMs: 8_000, mostMs: 24_000 },
} as const satisfies Record<string, BlowPace>;
/** For subscribers to come home in the end, and for presence to say so, in milliseconds. */
const FINISH_MS = 30_000;
/** The same where a fault is planted: who misses something then waits in vain. */
const FINISH_FAULTY_MS = 8_000;
/** A parting blow lasts longer than the grace of five seconds; then all need a moment to notice that it is over. */
const PARTING_MS = 7_000;
const PARTING_CALM_MS = 3_000;
/** A storm of fewer kills is a short one, in which things befall so much faster. */
const SHORT_KILLS = 10;
const SHORT_HURRY = 3;
/** A member that was killed is gone after the grace; the nodes that find it out take some seconds. */
const ROSTER_MS = 20_000;

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
  const { options, program, cluster, broker } = setting;
  const chances = new Chances(options.seed);
  const proxies: TcpProxy[] = [];
  const target = cluster.target(chances.next());
  const over = new AbortController();
  try {
    for (let index = 0; index < options.clients; index++) proxies.push(await TcpProxy.start(target));
    await using crowd = new Crowd(program, memberConfigs(setting, proxies, chances.next()));
    await wait(WARM_UP_MS);
    using weather = new Weather(proxies, chances.next());
    const chains: readonly (readonly [readonly Blow[], BlowPace])[] = [
      [clientBlows(crowd, options.clients), PACE.clients],
      [brokerBlows(broker), PACE.broker],
      [networkBlows(broker.network), PACE.network],
      [options.nodes > 1 ? nodeBlows(cluster) : [], PACE.nodes],
    ];
    const kills = chances.next();
    const hurry = options.kills < SHORT_KILLS ? SHORT_HURRY : 1;
    const others = Promise.all(
      chains.map(([blows, { leastMs, mostMs }]) => {
        const pace = { leastMs: leastMs / hurry, mostMs: mostMs / hurry };
        return befall(blows, pace, chances.next(), over.signal);
      }),
    );
    try {
      await Promise.race([killNodes(setting, crowd, kills), cluster.failed, others.then(never)]);
    } finally {
      // What was struck is mended before anything else happens, also if the run has failed.
      over.abort();
      await Promise.allSettled([others]);
    }
    const counts = await others;
    weather.end();
    const pending = await Promise.race([crowd.settle(), cluster.failed]);
    const parting = await Promise.race([partingBlows(broker, options.kills, chances.next()), cluster.failed]);
    const roster = await Promise.race([comeHome(setting, crowd), cluster.failed]);
    const { [CLIENT_KILLED]: clientKills = 0, ...blows } = Object.assign({}, ...counts, ...parting) as BlowCounts;
    return { clientKills, blows, weather: weather.counts, pending, roster };
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
  const backs: Promise<void>[] = [];
  for (let kill = 1; kill <= options.kills; kill++) {
    const { leastMs, mostMs } = options.nodes > 1 ? KILL_PACE.ofMany : KILL_PACE.ofOne;
    await wait(random.below(EARLY_EVERY) === 0 ? random.below(EARLY_MS) : leastMs + random.below(mostMs - leastMs));
    const { isBack } = await cluster.strike(random);
    backs.push(isBack);
    onKill(kill, crowd.counts);
    // One that is alone is struck again when it is back. Of many another one is, and at times all are away.
    if (options.nodes === 1) await isBack;
  }
  await Promise.all(backs);
}

/** All subscribers have what there is, and see who is there. */
async function comeHome({ options, cluster, names }: StormSetting, crowd: Crowd): Promise<Roster> {
  const finishMs = options.faults.length === 0 ? FINISH_MS : FINISH_FAULTY_MS;
  const present = await crowd.gather(finishMs);
  const roster = await readRoster(cluster.url, names.hall, present, ROSTER_MS);
  await crowd.finish(await readTops(cluster.url, names), roster.pos, finishMs);
  return roster;
}

/**
 * When nobody publishes any more and all clients are well connected: a node that is cut off, and then a broker that stands
 * still, each for longer than entries outlive a node that is silent. No client notices, and who is present must stay so. A
 * short storm has no time for them.
 */
async function partingBlows({ network, servers }: Broker, kills: number, random: SeededRandom): Promise<BlowCounts[]> {
  const counts: BlowCounts[] = [];
  if (kills < SHORT_KILLS) return counts;
  if (network !== null) {
    const mend = await network.cut("silence", random.below(network.lines));
    await wait(PARTING_MS);
    await mend();
    counts.push({ [`parting silence of a ${network.lineOf}`]: 1 });
    await wait(PARTING_CALM_MS);
  }
  if (servers.length > 0) {
    const server = random.pick(servers);
    await server.stop();
    await wait(PARTING_MS);
    server.resume();
    counts.push({ "parting stop of the broker": 1 });
    await wait(PARTING_CALM_MS);
  }
  return counts;
}

const CLIENT_KILLED = "client killed";

function clientBlows(crowd: Crowd, clients: number): readonly Blow[] {
  const mortals = Array.from({ length: clients }, (_, index) => index).filter(isMortal);
  if (mortals.length === 0) return [];
  const strike: Blow["strike"] = async (random) => {
    await crowd.strike(random.pick(mortals));
    return true;
  };
  return [{ name: CLIENT_KILLED, weight: 1, strike }];
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
