/**
 * `npm run capacity -- [--connections N] [--channels N] [--publishes N] [--subscribers N] [--bytes N] [--connects N]
 * [--nodes N]`: the arithmetic of docs/scaling.md for a load of your own. Publishes and connects are per second over
 * all, connects those of clients that come back, subscribers are those of one publication on average, channels those of one connection.
 */
import { parseArgs } from "node:util";
import { plan } from "./arithmetic/capacity.ts";
import { markdownTable } from "./report/table.ts";

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
