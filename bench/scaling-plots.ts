/** `npm run capacity:plots`: draws the plots of docs/scaling.md anew. */
import { mkdirSync, writeFileSync } from "node:fs";
import { nodesFor, nodesReached } from "./arithmetic/capacity.ts";
import { linePlot, type Line } from "./report/svg.ts";

const FOLDER = new URL("../docs/scaling/", import.meta.url);
/** µs a subscriber and tick, by messages in the tick: scenario 12 of docs/benchmarks.md. */
const TICKS = {
  Carillon: [
    [1, 3.9],
    [2, 4.7],
    [5, 4.2],
    [10, 4.5],
    [20, 5],
    [50, 6],
    [100, 9],
    [200, 15],
    [500, 29],
    [1_000, 51],
  ],
  ws: [
    [1, 5.4],
    [2, 10.1],
    [5, 25.2],
    [10, 49.5],
    [20, 101],
    [50, 277],
    [100, 503],
  ],
} as const;
const CONNECTIONS = [1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7];
const NODES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const PUBLISHES = 1_000;

const deliveries = Object.entries(TICKS).map(([label, points]): Line => ({
  label,
  points: points.map(([messages, us]) => [messages, us / messages] as const),
}));

/** Nodes by connections, each of which gets so many messages a second. */
function nodes(label: string, perConnection: number, connectionsPerNode: number): Line {
  const points = CONNECTIONS.map((connections) => {
    const subscribers = 1_000;
    const publishes = (connections * perConnection) / subscribers;
    const load = { connections, channels: 1, publishes, subscribers, bytes: 100, connects: 1, nodes: null };
    return [connections, nodesFor(load, connectionsPerNode)] as const;
  });
  return { label, points };
}

const live = [10, 100, 1_000].map((subscribers): Line => ({
  label: `${subscribers} each`,
  points: NODES.map((count) => [count, PUBLISHES * nodesReached(count, subscribers)] as const),
}));

mkdirSync(FOLDER, { recursive: true });
const draw = (name: string, title: string, measure: string, x: string, lines: readonly Line[]): void =>
  writeFileSync(new URL(name, FOLDER), linePlot({ title, measure }, x, lines));
draw(
  "delivery.svg",
  "A delivery costs less in company",
  "server CPU, µs per delivery (measured, 1,000 subscribers)",
  "messages in a tick (both axes logarithmic)",
  deliveries,
);
draw(
  "nodes.svg",
  "Nodes (one processor each, half of it used)",
  "processes (derived)",
  "connections (both axes logarithmic)",
  [nodes("10/s each", 10, 15_000), nodes("1/s, 15,000 a node", 1, 15_000), nodes("1/s, 60,000 a node", 1, 60_000)],
);
draw(
  "live.svg",
  "1,000 publications a second, by subscribers of each",
  "live messages a second from the broker to nodes (derived)",
  "nodes (both axes logarithmic)",
  live,
);
