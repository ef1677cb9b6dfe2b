import type { Subject } from "../harness/subject.ts";
import { atMostOf } from "./figures.ts";
import { faultOf, standing } from "./rounds.ts";
import type { Context, Row, Sample, Scenario, Verdict } from "./scenario.ts";

const SUBSCRIBERS = 1_000;

const COLUMNS = [
  { key: "cpuUs", title: "CPU µs per delivery", digits: 3 },
  { key: "perSecond", title: "deliveries/s", digits: 0 },
  { key: "p50", title: "p50 ms", digits: 1 },
  { key: "p99", title: "p99 ms", digits: 1 },
  { key: "bytes", title: "bytes per delivery", digits: 0 },
  { key: "loadCpu", title: "load CPU µs", digits: 3 },
  { key: "busy", title: "load busy", digits: 2 },
];
const PLOT = { key: "cpuUs", title: "server CPU, µs per delivery (log scale)" };

/** One channel with many in flight: what does a delivery cost when messages share a tick? */
export const FAN_OUT: Scenario = {
  name: "fan-out",
  number: 1,
  title: "One channel, 1,000 subscribers, 64 in flight",
  about: "A publisher keeps 64 messages of 100 bytes under way; one is done when all subscribers have it.",
  peers: ["Carillon", "Carillon raw", "Bun", "nats-server", "nchan", "ws", "Socket.IO", "Socket.IO CSR"],
  columns: COLUMNS,
  plot: PLOT,
  measure: (context) => measure(context, 64),
  judge: (rows): Verdict[] => [
    atMostOf(rows, "cpuUs", "Bun", 1, "1.0"),
    atMostOf(rows, "cpuUs", "ws", 1 / 30, "1/30"),
    atMostOf(rows, "cpuUs", "Socket.IO", 1 / 40, "1/40"),
  ],
};

/** The same with one in flight: a delivery is a system call. */
export const FAN_OUT_SINGLE: Scenario = {
  ...FAN_OUT,
  name: "fan-out-single",
  number: 2,
  title: "One channel, 1,000 subscribers, 1 in flight",
  about: "The next message is published when all subscribers have the one before.",
  peers: ["Carillon", "Carillon raw", "Bun", "nats-server", "nchan", "ws", "Socket.IO"],
  measure: (context) => measure(context, 1),
  judge: (rows): Verdict[] => [
    atMostOf(rows, "cpuUs", "ws", 1, "1.0"),
    atMostOf(rows, "cpuUs", "Socket.IO", 0.75, "0.75"),
  ],
};

function measure(context: Context, inFlight: number): Promise<Row[]> {
  const ms = context.isQuick ? 400 : 1_000;
  return standing(context, {
    purpose: {},
    open: async (subject) => {
      await subject.open({ clients: SUBSCRIBERS, publishers: 1 });
    },
    sample: (subject) => sample(subject, inFlight, ms),
  });
}

async function sample(subject: Subject, inFlight: number, ms: number): Promise<Sample> {
  const { result, cost } = await subject.measure(() => subject.load.order("run", { mode: "inFlight", inFlight, ms }));
  const failure = faultOf(result);
  if (failure !== undefined) return { figures: {}, failure };
  const deliveries = result.number("deliveries");
  return {
    figures: {
      cpuUs: cost.serverUs / deliveries,
      perSecond: (deliveries / result.number("wallMs")) * 1_000,
      p50: result.number("latencyP50Ms"),
      p99: result.number("latencyP99Ms"),
      bytes: result.number("bytes") / deliveries,
      loadCpu: cost.loadUs / deliveries,
      busy: result.number("busy"),
      deliveries,
    },
  };
}
