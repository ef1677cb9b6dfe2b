/**
 * `npm run bench [-- --quick] [-- --json]`: what a delivery costs the server, as a share of what it costs `ws` in the
 * same run. Ends with 1 when a delivery is missing or a bar is missed.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { isWithinBar } from "./bars.ts";
import { measureFanOut, type FanOutLoad } from "./fan-out.ts";
import { machine } from "./machine.ts";
import { MESSAGE_BYTES, type ServerKind } from "./messages.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  options: {
    /** Fewer messages and rounds: to see that it works, not to measure. */
    quick: { type: "boolean", default: false },
    /** Prints the results as JSON and nothing else. */
    json: { type: "boolean", default: false },
  },
});

const KINDS: readonly ServerKind[] = ["ws", "carillon.1", "raw"];
const SUBSCRIBERS = 1_000;
const rounds = values.quick ? 2 : 7;
const share = values.quick ? 0.25 : 1;
/** Each measurement takes a server a second or more of processor time, which is what makes it one. */
const LOADS: readonly FanOutLoad[] = [
  { inFlight: 64, messages: (kind) => Math.round((kind === "ws" ? 192 : 6_400) * share) },
  { inFlight: 1, messages: () => Math.round(200 * share) },
];

/** Servers on one processor and the load on another, where the system lets us say so and has two. */
function pinned(): readonly [server: number, load: number] | null {
  const canPin = [0, 1].every((cpu) => spawnSync("taskset", ["--cpu-list", String(cpu), "true"]).status === 0);
  return canPin ? [0, 1] : null;
}

const pins = pinned();
const about = machine();
const log = (text: string): void => {
  if (!values.json) console.log(text);
};
log(
  `${SUBSCRIBERS.toLocaleString("en")} subscribers of one channel, ${MESSAGE_BYTES} bytes, ${rounds} rounds in turns; ` +
    (pins === null ? "no process is pinned" : `servers on processor ${pins[0]}, load on ${pins[1]}`),
);
log(`${about}\n`);
const { results, problems } = await measureFanOut({
  kinds: KINDS,
  subscribers: SUBSCRIBERS,
  rounds,
  loads: LOADS,
  cpus: pins,
  nodeArgs: ["--import", "tsx"],
});
const missed = results.filter((result) => !isWithinBar(result));
if (values.json) {
  console.log(JSON.stringify({ machine: about, rounds, subscribers: SUBSCRIBERS, results, problems }, null, 2));
}
if (results.length > 0) {
  const deliveries = results.reduce((sum, result) => sum + result.deliveries, 0).toLocaleString("en");
  log(table(results));
  log(`\n${deliveries} deliveries counted. CPU: of the server, user and system, all threads; median (min–max).`);
}
for (const problem of problems) console.error(`FAILED: ${problem}`);
for (const { kind, inFlight } of missed) console.error(`MISSED: ${kind} with ${inFlight} in flight is over its bar.`);
if (problems.length + missed.length > 0) process.exitCode = 1;
