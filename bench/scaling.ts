/**
 * `npm run bench:scaling`: the figures of docs/scaling.md that no scenario of the bench has. What a connect costs nodes
 * and Redis, how many publications one hot channel takes over each broker, and what Redis keeps.
 */
import { Redis } from "ioredis";
import { setTimeout as wait } from "node:timers/promises";
import { raiseFileLimit } from "./harness/file-limit.ts";
import { nativeLoad } from "./harness/native.ts";
import { pinnedCpus } from "./harness/pinning.ts";
import { Subject, type Bench } from "./harness/subject.ts";
import { machine } from "./machine.ts";
import { CARILLON_NATS, CARILLON_REDIS, CARILLON_REDIS_SINGLE } from "./peers/clusters.ts";
import type { Peer } from "./peers/peer.ts";
import { markdownTable } from "./report/table.ts";
import { faultOf } from "./scenarios/rounds.ts";

const WARM_CONNECTS = 4_500;
const CONNECTS = 1_500;
const NODES = 3;
const MS = 1_500;
const IDLE_MS = 4_000;

/** What a connect with a ticket and one subscription costs. */
async function connects(bench: Bench, peer: Peer): Promise<string[]> {
  await using subject = await Subject.start(peer, {}, bench);
  await subject.open({ clients: WARM_CONNECTS, parallel: 64 });
  await subject.fetchTickets(CONNECTS);
  const { result, cost } = await subject.measure(() => subject.load.order("open", { clients: CONNECTS, parallel: 64 }));
  const perSecond = CONNECTS / (result.number("wallMs") / 1_000);
  return [peer.name, ...[cost.serverUs / CONNECTS, cost.brokerUs / CONNECTS, perSecond].map((value) => text(value))];
}

/** How many publications one channel takes, with one subscriber on each node. */
async function hotChannel(bench: Bench, peer: Peer): Promise<string[][]> {
  await using subject = await Subject.start(peer, {}, bench);
  await subject.open({ clients: NODES, publishers: NODES, trackEvery: 1 });
  await subject.load.order("run", { mode: "inFlight", inFlight: 64, senders: NODES, ms: 2 * MS });
  const rows: string[][] = [];
  for (const senders of [1, NODES]) {
    for (const inFlight of [1, 64, 512]) {
      const fields = { mode: "inFlight", inFlight: inFlight * senders, senders, ms: MS };
      const { result, cost } = await subject.measure(() => subject.load.order("run", fields));
      const failure = faultOf(result, { mayMix: true });
      const published = result.number("published");
      const figures = [
        (published / result.number("wallMs")) * 1_000,
        cost.serverUs / published,
        cost.brokerUs / published,
        result.number("latencyP50Ms"),
        result.number("latencyP99Ms"),
      ];
      const name = `${peer.name}, ${senders === 1 ? "one node publishes" : "all nodes publish"}`;
      rows.push([name, String(inFlight), ...figures.map((value) => text(value)), failure ?? "ok"]);
    }
  }
  return rows;
}

/** What nodes and Redis do when nothing happens, in ms of processor time a second and node: beats, and looks for silence (P6). */
async function idle(bench: Bench): Promise<string[][]> {
  const rows: string[][] = [];
  for (const perNode of [10, 1_000]) {
    await using subject = await Subject.start(CARILLON_REDIS, {}, bench);
    await subject.open({ clients: perNode * NODES, channels: perNode * NODES, parallel: 64 });
    await wait(IDLE_MS / 2);
    const { cost } = await subject.measure(() => wait(IDLE_MS));
    const perSecond = (us: number): string => text(us / IDLE_MS / NODES);
    rows.push([String(perNode), perSecond(cost.serverUs), perSecond(cost.brokerUs)]);
  }
  return rows;
}

/** What a publication costs where each channel has few, and what Redis keeps of 100 publications of 100 bytes, key by key. */
async function spread(bench: Bench): Promise<string[][]> {
  const [channels, each] = [200, 100];
  await using subject = await Subject.start(CARILLON_REDIS_SINGLE, {}, bench);
  await subject.open({ clients: 0, publishers: 1, channels });
  const rate = 5_000;
  const { result, cost } = await subject.measure(() =>
    subject.load.order("run", { mode: "paced", rate, ms: ((channels * each) / rate) * 1_000, drainMs: 4_000 }),
  );
  const published = result.number("published");
  console.log(
    `One node, ${rate} publications/s over ${channels} channels: node ${text(cost.serverUs / published)} µs, ` +
      `Redis ${text(cost.brokerUs / published)} µs of CPU a publication.`,
  );
  const redis = new Redis({ port: subject.brokerPort });
  try {
    // Publications are not waited for where nobody subscribes.
    while ((await redis.xlen((await redis.keys("*:l:bench:0"))[0] ?? "")) < each) await wait(50);
    const kinds = { c: "head", l: "log (Stream)", x: "index of publication ids", i: "ids, for two to four minutes" };
    const rows = await Promise.all(
      Object.entries(kinds).map(async ([kind, what]) => {
        const [key = ""] = await redis.keys(`*:${kind}:bench:0`);
        const bytes = Number(await redis.memory("USAGE", key, "SAMPLES", 0));
        return [what, text(bytes), text(bytes / each)];
      }),
    );
    return rows;
  } finally {
    redis.disconnect();
  }
}

function text(value: number): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

async function main(): Promise<void> {
  const load = nativeLoad();
  if ("missing" in load) throw new Error(`There is no load generator: ${load.missing}.`);
  const limit = raiseFileLimit();
  if (limit !== null) console.error(limit);
  const bench = { cpus: pinnedCpus(), program: load.program };
  console.log(machine());
  console.log("\nA connect: ticket, session, one subscription. Nodes and broker share a processor.");
  const connectRows = [];
  for (const peer of [CARILLON_REDIS_SINGLE, CARILLON_REDIS, CARILLON_NATS])
    connectRows.push(await connects(bench, peer));
  console.log(markdownTable(["cluster", "CPU µs of all nodes", "of the broker", "connects/s"], connectRows));
  console.log("\nOne hot channel, one subscriber on each node.");
  const hotRows = [...(await hotChannel(bench, CARILLON_REDIS)), ...(await hotChannel(bench, CARILLON_NATS))];
  const columns = ["publications/s", "CPU µs of all nodes", "of the broker", "p50 ms", "p99 ms", "result"];
  console.log(markdownTable(["cluster", "in flight a publisher", ...columns], hotRows));
  console.log("\nNothing happens: CPU ms a second, for each of three nodes.");
  console.log(
    markdownTable(["channels with subscribers on a node", "node", "Redis, for that node"], await idle(bench)),
  );
  console.log("\nRedis, channels with 100 publications of 100 bytes each.");
  console.log(markdownTable(["key", "bytes", "bytes per publication"], await spread(bench)));
}

await main();
