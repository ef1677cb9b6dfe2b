import { setTimeout as wait } from "node:timers/promises";
import { Bundle } from "../support/bundle.ts";
import { NatsServer } from "../support/nats-server.ts";
import { RedisServer, SYNCED_EACH_SECOND } from "../support/redis-server.ts";
import { Crowd, joined } from "./crowd.ts";
import type { CrowdFindings } from "./crowd-config.ts";
import { quantile, spread, type Drill, type DrillContext, type DrillResult } from "./drill.ts";
import { DrillNode, type DrillNodes } from "./drill-node.ts";
import { Follower } from "./follower.ts";
import type { DrillOptions } from "./options.ts";
import { readStoredLog } from "./stored-log.ts";

const NODES = 3;
const PROCESSES = 3;
/** Clients of one channel, each of which publishes once in this time: a publication every 400 ms in each channel. */
const PER_CHANNEL = 100;
const TURN_MS = 400;
/** Between a node that is back and the next that leaves, in milliseconds. */
const CALM_MS = 2_000;
/** What a client hears nothing for, at p99, in milliseconds. */
const PAUSE_MS = 2_000;

/** The leaving of one node. */
interface Restart {
  readonly exitCode: number | null;
  readonly leavingMs: number;
}

async function run(options: DrillOptions, context: DrillContext): Promise<DrillResult> {
  const { backplane, clients, seed, times } = options;
  const { program, faults, folder, progress } = context;
  using crowdProgram = await Bundle.create(new URL("crowd-process.ts", import.meta.url));
  await using broker = await (backplane === "redis" ? RedisServer.start(...SYNCED_EACH_SECOND) : NatsServer.start());
  await using nodes = await DrillNode.startAll(NODES, (index) => ({
    program,
    broker: { kind: backplane, port: broker.port },
    faults,
    folder,
    name: `node-${index}`,
  }));
  const channels = Array.from({ length: Math.ceil(clients / PER_CHANNEL) }, (_, index) => `feed:${index}`);
  const perChannel = Math.ceil(clients / channels.length);
  const restarts: Restart[] = [];
  await using crowd = await Crowd.open(crowdProgram.file, PROCESSES, {
    first: 0,
    count: clients,
    channels,
    ports: Array.from(nodes, ({ port }) => port),
    preferred: null,
    areMembers: false,
    publishMs: perChannel * TURN_MS,
    perChannel,
    seed,
  });
  progress(`${clients} clients are there`);
  crowd.publish();
  await wait(CALM_MS);
  for (let turn = 0; turn < times * NODES; turn++) {
    restarts.push(await restart(nodes.get(turn % NODES)));
    progress(`${turn + 1} of ${times * NODES} restarts`);
    await wait(CALM_MS);
  }
  const pending = await crowd.settle();
  const findings = joined(await crowd.judge(await readLogs(nodes, channels)));
  return report({ findings, pending, restarts, errors: nodes.errors });
}

async function restart(node: DrillNode): Promise<Restart> {
  const startMs = performance.now();
  const exitCode = await node.leave();
  const leavingMs = performance.now() - startMs;
  await node.start();
  return { exitCode, leavingMs };
}

/** What is stored, by channel. */
export async function readLogs(
  nodes: DrillNodes,
  channels: readonly string[],
  index = 0,
): Promise<Record<string, readonly string[]>> {
  const [reader, node] = [new Follower("reader"), nodes.get(index)];
  await reader.connect(node.url, await node.ticket("reader"), []);
  const logs: Record<string, readonly string[]> = {};
  for (const channel of channels) logs[channel] = (await readStoredLog(reader, channel)).ids;
  reader.cut();
  return logs;
}

interface Outcome {
  readonly findings: CrowdFindings;
  readonly pending: number;
  readonly restarts: readonly Restart[];
  readonly errors: readonly string[];
}

function report({ findings, pending, restarts, errors }: Outcome): DrillResult {
  const { lost, repeated, reordered, examples, absences, failed, published, acknowledged, delivered } = findings;
  const ended = absences.filter(({ againAt }) => againAt !== null);
  const fromEnd = ended.map(({ againAt, lostAt }) => (againAt ?? 0) - lostAt);
  const fromHeard = ended.map(({ againAt, heardAt }) => (againAt ?? 0) - heardAt).sort((a, b) => a - b);
  const back = absences.flatMap(({ backAt, lostAt }) => (backAt === null ? [] : [backAt - lostAt]));
  const p99 = quantile(fromHeard, 0.99);
  const dirty = restarts.filter(({ exitCode }) => exitCode !== 0).length;
  const notBack = absences.length - ended.length;
  const failures = Object.entries(failed).map(([code, count]) => `${count} ${code}`);
  return {
    rows: [
      ["restarts", `${restarts.length}; from SIGTERM to exit: ${spread(restarts.map(({ leavingMs }) => leavingMs))}`],
      ["published", `${published}: ${acknowledged} acknowledged, ${failures.join(", ") || "0 failed"}`],
      ["delivered", String(delivered)],
      [
        "connections ended",
        `${absences.length}; at most ${Math.max(0, ...absences.map(({ attempts }) => attempts))} attempts to come back`,
      ],
      ["end to connected", spread(back)],
      ["end to first delivery", spread(fromEnd)],
      ["last to first delivery", spread(fromHeard)],
      ["lost / repeated / reordered", `${lost} / ${repeated} / ${reordered}`],
    ],
    misses: [
      ...(lost + repeated + reordered > 0 ? [`lost, repeated or reordered: ${lost}, ${repeated}, ${reordered}`] : []),
      ...examples.slice(0, 5),
      ...(pending + failures.length > 0
        ? [`publishes without a good outcome: ${pending} pending, ${failures.join(", ")}`]
        : []),
      ...(p99 >= PAUSE_MS ? [`a pause of ${p99.toFixed(0)} ms at p99, expected less than ${PAUSE_MS} ms`] : []),
      ...(notBack > 0 ? [`${notBack} absences without an end`] : []),
      ...(dirty > 0 ? [`${dirty} nodes did not exit by themselves with 0`] : []),
      ...(absences.length === 0 ? ["no connection ended: the drill shows nothing"] : []),
      ...errors.slice(0, 5).map((line) => `a node logged: ${line}`),
    ],
  };
}

/** A leaving server hurts nobody (P10). */
export const rollingRestart: Drill = {
  controls: [
    {
      name: "no-catching-up: who comes back with an old position is live at once",
      faults: ["no-catching-up"],
      reported: /^lost, repeated or reordered: [1-9]/,
      scale: { times: 1, clients: 300 },
    },
  ],
  run,
};
