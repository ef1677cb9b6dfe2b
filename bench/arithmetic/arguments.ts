import { parseArgs } from "node:util";
import type { Load } from "./capacity.ts";

/** The text of `npm run capacity -- --help`. */
export const CAPACITY_USAGE: string = `The arithmetic of docs/scaling.md for a load of your own.

Usage: npm run capacity -- [options]

  --connections N   connections at once, over all nodes                    (default 10000)
  --channels N      channels of a connection                               (default 1)
  --publishes N     publications a second, over all                        (default 100)
  --subscribers N   subscribers of a publication, on average               (default 100)
  --bytes N         bytes of a publication                                 (default 100)
  --connects N      clients that come back a second, over all              (default 10)
  --nodes N         nodes (default: as many as it takes)`;

const OPTIONS = {
  connections: { type: "string", default: "10000" },
  channels: { type: "string", default: "1" },
  publishes: { type: "string", default: "100" },
  subscribers: { type: "string", default: "100" },
  bytes: { type: "string", default: "100" },
  connects: { type: "string", default: "10" },
  nodes: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** The load that a command line asks for; `"help"`, or a sentence that says what is wrong. */
export function capacityArguments(args: readonly string[]): Load | string {
  try {
    const { help, nodes, ...values } = parseArgs({ args: [...args], options: OPTIONS }).values;
    if (help) return "help";
    return {
      connections: positive("connections", values.connections),
      channels: positive("channels", values.channels),
      publishes: positive("publishes", values.publishes),
      subscribers: positive("subscribers", values.subscribers),
      bytes: positive("bytes", values.bytes),
      connects: positive("connects", values.connects),
      nodes: nodes === undefined ? null : positive("nodes", nodes),
    };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)} See npm run capacity -- --help.`;
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name}: expected a number above 0, got ${JSON.stringify(text)}.`);
}
