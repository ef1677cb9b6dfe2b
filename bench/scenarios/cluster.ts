import type { LoadFields } from "../harness/load.ts";
import type { Subject } from "../harness/subject.ts";
import { CARILLON_REDIS, SOCKET_IO_STREAMS } from "../peers/clusters.ts";
import { allDelivered, atMostOf } from "./figures.ts";
import { paced } from "./paced.ts";
import { faultOf, fresh } from "./rounds.ts";
import type { Context, Row, Sample, Scenario } from "./scenario.ts";

const NODES = 3;
const SUBSCRIBERS = 999;
const IN_FLIGHT = 64;
/** As many publications as a processor with a thousand subscribers on it manages in the slowest of these servers. */
const PER_SECOND = 25;
/** The two that are compared are measured more often than those that stand beside them. */
const ROUNDS = 2;

const [OWN, PEER] = [CARILLON_REDIS.name, SOCKET_IO_STREAMS.name];

/** Several nodes on one broker. */
export const CLUSTER: Scenario = {
  name: "cluster",
  number: 13,
  title: "Three nodes on one broker, 999 subscribers spread over them",
  about:
    "All nodes and the broker share processor 0. First with one subscriber a node: what a publish costs, 64 in flight and 1 in flight from one node. " +
    "Then with 333 subscribers a node: 64 in flight from one node (CPU per delivery, p50, p99), 64 in flight from all nodes at once (all), and 25 publications a second from all nodes (paced). " +
    "CPU of nodes is the sum over them; the broker's stands beside it.",
  peers: [OWN, PEER, "Carillon ×1, Redis", "Carillon ×3, NATS", "Socket.IO ×3, Pub/Sub"],
  columns: [
    { key: "cpuUs", title: "nodes' CPU µs per delivery", digits: 3 },
    { key: "withBrokerUs", title: "with the broker's", digits: 3 },
    { key: "perSecond", title: "deliveries/s", digits: 0 },
    { key: "p50", title: "p50 ms", digits: 1 },
    { key: "p99", title: "p99 ms", digits: 1 },
    { key: "allCpuUs", title: "all: CPU µs", digits: 3 },
    { key: "allP99", title: "all: p99 ms", digits: 1 },
    { key: "pacedP50", title: "paced: p50 ms", digits: 1 },
    { key: "pacedP99", title: "paced: p99 ms", digits: 1 },
    { key: "publishUs", title: "nodes' CPU µs per publish", digits: 0 },
    { key: "brokerUs", title: "broker's CPU µs per publish", digits: 1 },
    { key: "singleUs", title: "1 in flight: nodes' µs per publish", digits: 0 },
    { key: "singleBrokerUs", title: "1 in flight: broker's µs", digits: 0 },
    { key: "singleP50", title: "1 in flight: p50 ms", digits: 2 },
  ],
  plot: { key: "cpuUs", title: "CPU of all nodes, µs per delivery (log scale)" },
  measure,
  judge: (rows) => [
    atMostOf(rows, "cpuUs", PEER, 1 / 5, "1/5 (nodes' CPU per delivery, 64 in flight)", OWN),
    atMostOf(rows, "withBrokerUs", PEER, 1 / 5, "1/5 (with the broker's CPU)", OWN),
    atMostOf(rows, "allCpuUs", PEER, 1 / 5, "1/5 (64 in flight from all nodes)", OWN),
    atMostOf(rows, "p99", PEER, 1, "1.0 (p99, 64 in flight)", OWN),
    atMostOf(rows, "pacedP99", PEER, 1, "1.0 (p99, paced)", OWN),
    allDelivered(rows, "paced: 100 % delivered", OWN),
  ],
};

async function measure(context: Context): Promise<Row[]> {
  const ms = context.isQuick ? 350 : 700;
  const rowsOf = (names: readonly string[], rounds: number): Promise<Row[]> =>
    fresh(
      { ...context, peers: context.peers.filter(({ name }) => names.includes(name)) },
      Math.min(context.rounds, rounds),
      () => ({}),
      (subject) => sample(subject, ms),
    );
  const compared = [OWN, PEER];
  const others = context.peers.map(({ name }) => name).filter((name) => !compared.includes(name));
  return [...(await rowsOf(compared, ROUNDS)), ...(await rowsOf(others, 1))];
}

async function sample(subject: Subject, ms: number): Promise<Sample> {
  await subject.open({ clients: NODES, publishers: NODES, trackEvery: 1 });
  const many = { mode: "inFlight", inFlight: IN_FLIGHT, ms };
  // Each load once before it is measured, by all nodes: they share a processor with the threads that compile their code.
  await subject.load.order("run", { ...many, senders: NODES, ms: 2 * ms });
  const publishes = await inFlight(subject, many);
  await subject.load.order("run", { ...many, inFlight: 1, ms: ms / 2 });
  const single = await inFlight(subject, { ...many, inFlight: 1 });
  await subject.open({ clients: SUBSCRIBERS - NODES });
  await subject.load.order("run", { ...many, senders: NODES, ms: ms / 2 });
  const fromOne = await inFlight(subject, many);
  const fromAll = await inFlight(subject, { ...many, senders: NODES });
  await subject.load.order("run", { mode: "paced", rate: PER_SECOND, ms, drainMs: 4_000 });
  const excuses = { mayMix: true, mayDisagree: subject.peer.isExact !== true };
  const steady = await paced(subject, { rate: PER_SECOND, ms: 4 * ms, drainMs: 4_000 }, excuses);
  const failure = [publishes, single, fromOne, fromAll, steady].find((taken) => taken.failure !== undefined)?.failure;
  const figures = {
    cpuUs: fromOne.perDeliveryUs,
    withBrokerUs: fromOne.perDeliveryUs + fromOne.brokerPerDeliveryUs,
    perSecond: fromOne.perSecond,
    p50: fromOne.p50,
    p99: fromOne.p99,
    allCpuUs: fromAll.perDeliveryUs,
    allP99: fromAll.p99,
    pacedP50: steady.figures["p50"] ?? Number.NaN,
    pacedP99: steady.figures["p99"] ?? Number.NaN,
    share: steady.figures["share"] ?? Number.NaN,
    publishUs: publishes.perPublishUs,
    brokerUs: publishes.brokerPerPublishUs,
    singleUs: single.perPublishUs,
    singleBrokerUs: single.brokerPerPublishUs,
    singleP50: single.p50,
  };
  return {
    figures,
    ...(failure === undefined ? {} : { failure }),
    ...(steady.behind === undefined ? {} : { behind: steady.behind }),
  };
}

interface InFlight {
  readonly failure?: string;
  readonly perPublishUs: number;
  readonly brokerPerPublishUs: number;
  readonly perDeliveryUs: number;
  readonly brokerPerDeliveryUs: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Keeps publications under way. Those of several nodes come in one order where that is promised, not in that of sending. */
async function inFlight(subject: Subject, fields: LoadFields): Promise<InFlight> {
  const { result, cost } = await subject.measure(() => subject.load.order("run", fields));
  const isExact = subject.peer.isExact === true;
  const mixes = fields["senders"] !== undefined;
  const failure = faultOf(result, { mayMix: mixes, mayDisagree: !isExact });
  const [published, deliveries] = [result.number("published"), result.number("deliveries")];
  return {
    ...(failure === undefined ? {} : { failure }),
    perPublishUs: cost.serverUs / published,
    brokerPerPublishUs: cost.brokerUs / published,
    perDeliveryUs: cost.serverUs / deliveries,
    brokerPerDeliveryUs: cost.brokerUs / deliveries,
    perSecond: (deliveries / result.number("wallMs")) * 1_000,
    p50: result.number("latencyP50Ms"),
    p99: result.number("latencyP99Ms"),
  };
}
