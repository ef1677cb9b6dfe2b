/**
 * `npm run capacity -- [--connections N] [--channels N] [--publishes N] [--subscribers N] [--bytes N] [--connects N]
 * [--nodes N]`: the arithmetic of docs/scaling.md for a load of your own. Publishes and connects are per second over
 * all, subscribers are those of one publication on average, channels those of one connection.
 */
import { parseArgs } from "node:util";
import { markdownTable } from "./report/table.ts";

/** Costs, each measured or derived as docs/scaling.md says. */
const COSTS = {
  /** Of one process: the default bound of connections, which is also what was measured. */
  connectionsPerNode: 15_000,
  connectionBytes: 8_400,
  channelBytes: 2_000,
  /** Not measured: sockets without anything in flight, on Linux. */
  kernelBytes: 4_000,
  writeUs: 4.2,
  messageUs: 0.1,
  publishUs: 40,
  /** A live message on a node that did not publish it. */
  liveUs: 15,
  connectUs: 450,
  brokerPublishUs: 40,
  brokerNodeUs: 8,
  brokerConnectUs: 100,
  /** A control message on its way to a node. */
  controlUs: 5,
  controlBytes: 200,
  liveBytes: 200,
  deliveryBytes: 250,
  /** How often a busy connection is written to in a second, at most. */
  writesPerSecond: 50,
  /** What of a processor is planned with; the rest is for peaks, garbage and everybody who comes back at once. */
  share: 0.5,
};

interface Load {
  readonly connections: number;
  readonly channels: number;
  readonly publishes: number;
  readonly subscribers: number;
  readonly bytes: number;
  readonly connects: number;
  readonly nodes: number | null;
}

/** How many nodes have a subscriber of a publication, if subscribers are spread by chance. */
function nodesReached(nodes: number, subscribers: number): number {
  return nodes * (1 - (1 - 1 / nodes) ** subscribers);
}

/** Processor seconds a second of all nodes together. */
function nodeLoad({ connections, publishes, subscribers, connects }: Load, nodes: number): number {
  const deliveries = publishes * subscribers;
  const perConnection = deliveries / Math.max(1, connections);
  const writes = connections * Math.min(perConnection, COSTS.writesPerSecond);
  const live = publishes * nodesReached(nodes, subscribers);
  const control = connects * nodes * COSTS.controlUs;
  const us =
    writes * COSTS.writeUs + deliveries * COSTS.messageUs + publishes * COSTS.publishUs + live * COSTS.liveUs + control;
  return (us + connects * COSTS.connectUs) / 1e6;
}

function plan(load: Load): string[][] {
  const byConnections = Math.ceil(load.connections / COSTS.connectionsPerNode);
  let nodes = load.nodes ?? Math.max(1, byConnections);
  // More nodes cost more live messages, so it is tried until it fits.
  while (load.nodes === null && nodeLoad(load, nodes) / nodes > COSTS.share && nodes < 100_000) {
    nodes = Math.ceil(nodes * 1.05);
  }
  const { connections, channels, publishes, subscribers, bytes, connects } = load;
  const deliveries = publishes * subscribers;
  const live = publishes * nodesReached(nodes, subscribers);
  const memory = connections * (COSTS.connectionBytes + (channels - 1) * COSTS.channelBytes);
  const control = connects * nodes;
  const broker =
    (publishes * COSTS.brokerPublishUs + live * COSTS.brokerNodeUs + connects * COSTS.brokerConnectUs) / 1e6;
  const mega = (count: number): string => `${number(count / 1e6)} MB/s`;
  return [
    [
      "nodes (processes)",
      number(nodes),
      load.nodes === null ? `${number(byConnections)} for the connections alone` : "",
    ],
    [
      "processors busy, all nodes",
      number(nodeLoad(load, nodes)),
      `of ${number(nodes)}; planned with ${COSTS.share * 100} % of each`,
    ],
    [
      "memory of the processes",
      `${number(memory / 1e9)} GB`,
      `${number(memory / nodes / 1e6)} MB a node, beside 60 MB of Node itself`,
    ],
    ["memory of the kernel", `${number((connections * COSTS.kernelBytes) / 1e9)} GB`, "idle sockets; not measured"],
    ["deliveries/s", number(deliveries), `${mega(deliveries * (COSTS.deliveryBytes + bytes))} to clients`],
    ["live messages/s out of the broker", number(live), mega(live * (COSTS.liveBytes + bytes))],
    [
      "processors of Redis",
      number(broker),
      `${number(Math.ceil(broker / COSTS.share))} shards at ${COSTS.share * 100} %; a channel is on one`,
    ],
    ["control messages/s to nodes", number(control), `${mega(control * COSTS.controlBytes)}, out of one shard`],
  ];
}

function number(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "10000" },
    channels: { type: "string", default: "1" },
    publishes: { type: "string", default: "100" },
    subscribers: { type: "string", default: "100" },
    bytes: { type: "string", default: "100" },
    connects: { type: "string", default: "10" },
    nodes: { type: "string" },
  },
});
const numbers = Object.entries(values).map(([name, value]) => {
  const given = Number(value);
  if (!(given > 0)) throw new Error(`Expected --${name} to be a number above 0, got "${value}".`);
  return [name, given] as const;
});
const given = new Map<string, number>(numbers);
const of = (name: string): number => given.get(name) ?? 1;
console.log(
  markdownTable(
    ["what", "how much", ""],
    plan({
      connections: of("connections"),
      channels: of("channels"),
      publishes: of("publishes"),
      subscribers: of("subscribers"),
      bytes: of("bytes"),
      connects: of("connects"),
      nodes: given.get("nodes") ?? null,
    }),
  ),
);
