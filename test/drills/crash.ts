import { setTimeout as wait } from "node:timers/promises";
import { Bundle } from "../support/bundle.ts";
import { NatsServer } from "../support/nats-server.ts";
import { RedisServer, SYNCED_EACH_SECOND } from "../support/redis-server.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { readLogs } from "./rolling-restart.ts";
import { Crowd, joined } from "./crowd.ts";
import type { Drill, DrillContext, DrillResult } from "./drill.ts";
import { DrillNode, type DrillNodes } from "./drill-node.ts";
import type { DrillOptions } from "./options.ts";
import { crashReport, type CrashOutcome } from "./crash-report.ts";
import { PresenceWatch } from "./presence-watch.ts";
import { SteadyPublisher } from "./steady-publisher.ts";

const CHANNEL = "feed:0";
const NODES = 3;
/** Client processes; in the second shape half of them are gone with the node. */
const PROCESSES = 4;
/** Between two publishes of each of two publishers. */
const PUBLISH_MS = 1_000;
/** All members are seen by then, in milliseconds. */
const GATHER_MS = 60_000;
/** Before the kill, and after the time in which presence has to be right, in milliseconds. */
const CALM_MS = 2_000;
/** Presence is looked at so long after the kill, in milliseconds. */
const RIGHT_MS = 5_000;

async function run(options: DrillOptions, context: DrillContext): Promise<DrillResult> {
  const outcomes: CrashOutcome[] = [];
  for (let time = 0; time < options.times; time++) {
    for (const shape of ["all come back", "half never come back"] as const) {
      outcomes.push(await once(shape, { ...options, seed: options.seed + time }, context));
      context.progress(`${outcomes.length} of ${2 * options.times} crashes`);
    }
  }
  return crashReport(outcomes);
}

async function once(
  shape: CrashOutcome["shape"],
  options: DrillOptions,
  { program, faults, folder, progress }: DrillContext,
): Promise<CrashOutcome> {
  const { backplane } = options;
  using crowdProgram = await Bundle.create(new URL("crowd-process.ts", import.meta.url));
  await using broker = await (backplane === "redis" ? RedisServer.start(...SYNCED_EACH_SECOND) : NatsServer.start());
  await using nodes = await DrillNode.startAll(NODES, (index) => ({
    program,
    broker: { kind: backplane, port: broker.port },
    faults,
    folder,
    name: `${shape.split(" ")[0]}-${options.seed}-node-${index}`,
  }));
  const watches = await Promise.all(
    [nodes.get(1), nodes.get(2)].map(async (node) => PresenceWatch.open(node.url, await node.ticket("watch"), CHANNEL)),
  );
  try {
    await using coming = await gather(nodes, crowdProgram.file, options, shape === "all come back" ? "all" : "even");
    await using going = await gather(nodes, crowdProgram.file, options, shape === "all come back" ? "none" : "odd");
    await seen(watches, options.clients);
    progress(`${options.clients} members are there`);
    return await strike({ shape, nodes, coming, going, watches, options });
  } finally {
    for (const watch of watches) watch.close();
  }
}

/** Opens the members, or one half of them, on the first node. */
function gather(
  nodes: DrillNodes,
  program: string,
  { clients, seed }: DrillOptions,
  share: "all" | "even" | "odd" | "none",
): Promise<Crowd> {
  const half = Math.floor(clients / 2);
  const [first, count] = { all: [0, clients], even: [0, clients - half], odd: [clients - half, half], none: [0, 0] }[
    share
  ] as [number, number];
  const processes = share === "none" ? 0 : share === "all" ? PROCESSES : PROCESSES / 2;
  return Crowd.open(program, processes, {
    first,
    count,
    channels: [CHANNEL],
    ports: Array.from(nodes, ({ port }) => port),
    preferred: nodes.get(0).port,
    areMembers: true,
    publishMs: 0,
    perChannel: clients,
    seed: seed + first,
  });
}

async function seen(watches: readonly PresenceWatch[], count: number): Promise<void> {
  const end = performance.now() + GATHER_MS;
  while (watches.some(({ members }) => members.size < count)) {
    if (performance.now() > end)
      throw new Error(`Members are seen: ${watches.map(({ members }) => members.size).join(", ")} of ${count}.`);
    await wait(20);
  }
}

interface Scene {
  readonly shape: CrashOutcome["shape"];
  readonly nodes: DrillNodes;
  readonly coming: Crowd;
  readonly going: Crowd;
  readonly watches: readonly PresenceWatch[];
  readonly options: DrillOptions;
}

/** Kills the first node, and with it those who never come back; then looks what the others are told. */
async function strike({ shape, nodes, coming, going, watches, options }: Scene): Promise<CrashOutcome> {
  using one = publisherOn(nodes, 1, options.seed);
  using two = publisherOn(nodes, 2, options.seed);
  for (const publisher of [one, two]) publisher.start();
  await wait(CALM_MS);
  const killedAt = Date.now();
  await Promise.all([nodes.get(0).kill(), going[Symbol.asyncDispose]()]);
  await wait(RIGHT_MS - (Date.now() - killedAt));
  const atFive = watches.map(({ users }) => users);
  await wait(CALM_MS);
  const later = watches.map(({ users }) => users);
  for (const publisher of [one, two]) await publisher.rest();
  const logs = await readLogs(nodes, [CHANNEL], 1);
  const stored = new Set(logs[CHANNEL]);
  const sent = [...one.publishes, ...two.publishes];
  return {
    shape,
    killedAt,
    members: Array.from({ length: options.clients }, (_, index) => `m${index}`),
    gone: shape === "all come back" ? 0 : Math.floor(options.clients / 2),
    atFive,
    later,
    changes: watches.map(({ changes }) => changes.filter(({ at }) => at >= killedAt)),
    published: sent.length,
    unstored: sent.filter(({ id, outcome }) => outcome !== "stored" || !stored.has(id)).length,
    findings: joined(await coming.judge(logs)),
    errors: nodes.errors,
  };
}

function publisherOn(nodes: DrillNodes, index: number, seed: number): SteadyPublisher {
  return new SteadyPublisher({
    node: nodes.get(index),
    name: `publisher-${index}`,
    channels: [CHANNEL],
    everyMs: PUBLISH_MS,
    random: new SeededRandom(seed + index),
  });
}

/** A dead node leaves nothing behind, and its members are at home elsewhere before anybody misses them. */
export const crash: Drill = {
  controls: [
    {
      name: "no-catching-up: who comes back with an old position is live at once",
      faults: ["no-catching-up"],
      reported: /lost, repeated or reordered: [1-9]/,
      scale: { times: 1, clients: 400 },
    },
    {
      name: "nobody ends what a dead node has left",
      sabotage: {
        redis: {
          file: "packages/redis/src/lease.ts",
          find: "async #bury(incarnation: string): Promise<void> {",
          replace: "async #bury(incarnation: string): Promise<void> { if (incarnation !== '') return;",
        },
        nats: {
          file: "packages/nats/src/node-registry.ts",
          find: "isDead(node: string): boolean {",
          replace: "isDead(node: string): boolean { if (node !== '') return false;",
        },
      },
      reported: /never come back and are still there/,
      scale: { times: 1, clients: 100 },
    },
  ],
  run,
};
