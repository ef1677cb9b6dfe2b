/** Where looking for enough nodes ends. */
const NODES_MAX = 100_000;

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
  /** By ticket or by resume credential, with one subscription. */
  connectUs: 300,
  brokerPublishUs: 40,
  brokerNodeUs: 8,
  brokerConnectUs: 55,
  /** A message to a node, of a client that comes back. */
  controlUs: 5,
  controlBytes: 200,
  liveBytes: 200,
  deliveryBytes: 250,
  /** How often a busy connection is written to in a second, at most. */
  writesPerSecond: 50,
  /** What of a processor is planned with; the rest is for peaks, garbage and everybody who comes back at once. */
  share: 0.5,
};

/** A load, per second over all; null nodes: as many as it takes. */
export interface Load {
  readonly connections: number;
  readonly channels: number;
  readonly publishes: number;
  readonly subscribers: number;
  readonly bytes: number;
  readonly connects: number;
  readonly nodes: number | null;
}

/** How many nodes have a subscriber of a publication, if subscribers are spread by chance. */
export function nodesReached(nodes: number, subscribers: number): number {
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

/** How many nodes a load takes, by connections and by processor. */
export function nodesFor(load: Load, connectionsPerNode: number = COSTS.connectionsPerNode): number {
  let nodes = Math.max(1, Math.ceil(load.connections / connectionsPerNode));
  // More nodes cost more live messages, so it is tried until it fits.
  while (nodeLoad(load, nodes) / nodes > COSTS.share && nodes < NODES_MAX) nodes = Math.ceil(nodes * 1.02);
  return nodes;
}

/** What a load takes, as rows: what, how much, and a remark. */
export function plan(load: Load): string[][] {
  const byConnections = Math.ceil(load.connections / COSTS.connectionsPerNode);
  const nodes = load.nodes ?? nodesFor(load);
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
      `${counted(Math.ceil(broker / COSTS.share), "shard")} at ${COSTS.share * 100} %; a channel is on one`,
    ],
    ["control messages/s to nodes", number(control), `${mega(control * COSTS.controlBytes)}, out of one shard`],
  ];
}

function counted(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? "" : "s"}`;
}

function number(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}
