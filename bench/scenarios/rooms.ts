import type { Subject } from "../harness/subject.ts";
import { allDelivered, atMost, atMostOf } from "./figures.ts";
import { paced } from "./paced.ts";
import { fresh } from "./rounds.ts";
import type { Sample, Scenario } from "./scenario.ts";

const CLIENTS = 1_000;
const ROOMS = 10;
const PER_CLIENT = 2;

/** Everybody talks: 2,000 publishes and 200,000 deliveries a second. */
export const ROOMS_TALK: Scenario = {
  name: "rooms",
  number: 4,
  title: "Rooms: 1,000 clients in 10 rooms of 100, each publishing 64 bytes twice a second",
  about:
    "200,000 deliveries/s from 1,000 publishers, evenly spread over the second; whoever publishes gets its message too.",
  peers: ["Carillon", "Bun", "nats-server", "ws", "Socket.IO"],
  columns: [
    { key: "share", title: "delivered", digits: 4 },
    { key: "p50", title: "p50 ms", digits: 1 },
    { key: "p99", title: "p99 ms", digits: 1 },
    { key: "cpuUs", title: "CPU µs per delivery", digits: 2 },
    { key: "cpuShare", title: "server CPU", digits: 2 },
    { key: "busy", title: "load busy", digits: 2 },
  ],
  plot: { key: "cpuUs", title: "server CPU, µs per delivery" },
  measure: (context) => {
    const ms = context.isQuick ? 2_000 : 4_000;
    return fresh(
      context,
      Math.min(context.rounds, 3),
      () => ({ bytes: 64 }),
      (subject) => sample(subject, ms),
    );
  },
  judge: (rows) => [
    allDelivered(rows, "100 % delivered"),
    atMost(rows, "p99", 50, "p99 at most 50 ms", "ms"),
    atMostOf(rows, "cpuUs", "Socket.IO", 1 / 3, "1/3"),
  ],
};

async function sample(subject: Subject, ms: number): Promise<Sample> {
  await subject.open({ clients: CLIENTS, channels: ROOMS });
  const rate = CLIENTS * PER_CLIENT;
  await subject.load.order("run", { mode: "paced", rate: rate / 4, byClients: 1, ms: 1_000 });
  // A room has many publishers: their messages come in one order where that is promised, not in that of sending.
  const excuses = { mayMix: true, mayDisagree: subject.peer.isExact !== true };
  const taken = await paced(subject, { rate, byClients: 1, ms, drainMs: 4_000 }, excuses);
  const { deliveries = 0, cpuUs = 0, perSecond = 0 } = taken.figures;
  return { ...taken, figures: { ...taken.figures, cpuShare: (cpuUs * perSecond) / 1e6, deliveries } };
}
