import type { Subject } from "../harness/subject.ts";
import { atMostOf } from "./figures.ts";
import { paced } from "./paced.ts";
import { fresh } from "./rounds.ts";
import type { Sample, Scenario } from "./scenario.ts";

const CLIENTS = 1_000;
const PER_CLIENT = 20;
const CHANNELS = 10_000;
const PER_SECOND = 4_000;
/**
 * Clients that subscribe, and leave, before those that are measured. Until 40,000 subscriptions or so the engines of servers in JavaScript
 * are busy compiling, and a subscription costs twice what it does from then on.
 */
const WARM_CLIENTS = 2_000;
/** Before what is measured, each channel gets three publications: for the same reason, and because the first makes its history. */
const WARM_PER_SECOND = 10_000;
const WARM_MS = 3_000;

/** Many channels with few subscribers each. */
export const MANY_CHANNELS: Scenario = {
  name: "channels",
  number: 11,
  title: "Many channels: 1,000 clients, each in 20 of 10,000 channels",
  about:
    "20,000 subscriptions, after 40,000 of clients that have left again; then 4,000 publications a second round robin over the channels, each for two subscribers, after 30,000 at 10,000 a second.",
  peers: ["Carillon", "Bun", "nats-server", "ws", "Socket.IO"],
  columns: [
    { key: "subscribeUs", title: "CPU µs per subscription", digits: 1 },
    { key: "cpuUs", title: "CPU µs per delivery", digits: 1 },
    { key: "p50", title: "p50 ms", digits: 2 },
    { key: "p99", title: "p99 ms", digits: 1 },
    { key: "kb", title: "kB per client with 20", digits: 1 },
  ],
  plot: { key: "cpuUs", title: "server CPU, µs per delivery" },
  measure: (context) => {
    const ms = context.isQuick ? 1_000 : 3_000;
    return fresh(
      context,
      Math.min(context.rounds, 2),
      () => ({}),
      (subject) => sample(subject, ms),
    );
  },
  judge: (rows) => [
    atMostOf(rows, "cpuUs", "Socket.IO", 0.5, "1/2 (CPU per delivery)"),
    atMostOf(rows, "subscribeUs", "Socket.IO", 0.5, "1/2 (CPU per subscription, connecting included)"),
  ],
};

async function sample(subject: Subject, ms: number): Promise<Sample> {
  await subject.open({ clients: 0, publishers: 1, channels: CHANNELS });
  const open = { perClient: PER_CLIENT, channels: CHANNELS, parallel: 64, trackEvery: 100_000 };
  const before = await subject.heldMemory();
  await subject.open({ ...open, clients: CLIENTS });
  const after = await subject.heldMemory();
  await subject.load.order("forget");
  // After the collections of garbage, which have engines forget what they had compiled.
  await subject.open({ ...open, clients: WARM_CLIENTS });
  await subject.load.order("forget");
  await subject.quiet();
  const { cost } = await subject.measure(() => subject.open({ ...open, clients: CLIENTS }));
  await subject.load.order("run", { mode: "paced", rate: WARM_PER_SECOND, ms: WARM_MS, drainMs: 4_000 });
  const taken = await paced(subject, { rate: PER_SECOND, ms, drainMs: 4_000 });
  const subscribeUs = cost.serverUs / (CLIENTS * PER_CLIENT);
  return { ...taken, figures: { ...taken.figures, subscribeUs, kb: (after.rss - before.rss) / CLIENTS / 1_000 } };
}
