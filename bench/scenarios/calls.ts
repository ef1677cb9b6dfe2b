import type { Subject } from "../harness/subject.ts";
import { atMostOf } from "./figures.ts";
import { faultOf, standing } from "./rounds.ts";
import type { Sample, Scenario } from "./scenario.ts";

const CLIENTS = 100;
const IN_FLIGHT = 8;
/** What `singleUs` is of: as a page does that asks for one thing at a time. Nothing can go out together then. */
const ONE = 1;
const PACED_PER_SECOND = 1_000;
/** Rounds are long here, and everything together is to take no longer than a quarter of an hour. */
const ROUNDS_MAX = 4;

/** Request and reply. */
export const CALLS: Scenario = {
  name: "calls",
  number: 9,
  title: "Request and reply: round trips",
  about:
    "100 clients, each with 8 calls under way, 100 bytes there and back; then each with 1; then 1,000 calls a second at a steady rate, for the latency. Carillon's calls are typed and validated; ws and Bun echo a frame, which is the floor.",
  peers: ["Carillon", "Bun", "node:net", "ws", "Socket.IO"],
  columns: [
    { key: "cpuUs", title: "CPU µs per call", digits: 1 },
    { key: "singleUs", title: "CPU µs per call, 1 under way", digits: 1 },
    { key: "perSecond", title: "calls/s", digits: 0 },
    { key: "p50", title: "p50 ms at 1,000/s", digits: 2 },
    { key: "p99", title: "p99 ms at 1,000/s", digits: 2 },
    { key: "busy", title: "load busy", digits: 2 },
  ],
  plot: { key: "cpuUs", title: "server CPU, µs per round trip" },
  measure: (context) => {
    const ms = context.isQuick ? 500 : 1_000;
    return standing(
      { ...context, rounds: Math.min(context.rounds, ROUNDS_MAX) },
      {
        purpose: {},
        open: async (subject) => {
          await subject.open({ clients: CLIENTS });
        },
        sample: (subject) => sample(subject, ms),
      },
    );
  },
  judge: (rows) => [
    atMostOf(rows, "cpuUs", "Socket.IO", 0.5, "1/2 (8 under way)"),
    atMostOf(rows, "singleUs", "Socket.IO", 0.5, "1/2 (1 under way)"),
  ],
};

async function sample(subject: Subject, ms: number): Promise<Sample> {
  const { result, cost } = await subject.measure(() =>
    subject.load.order("run", { mode: "calls", inFlight: IN_FLIGHT, ms }),
  );
  const single = await subject.measure(() => subject.load.order("run", { mode: "calls", inFlight: ONE, ms: ms / 2 }));
  const calm = await subject.load.order("run", { mode: "calls", rate: PACED_PER_SECOND, ms });
  const calls = result.number("calls");
  const answered = result.number("replies");
  const failure = faultOf(result) ?? faultOf(single.result) ?? faultOf(calm);
  if (failure !== undefined || calls !== answered) {
    return { figures: {}, failure: failure ?? `${calls} calls were made and ${answered} answered` };
  }
  return {
    figures: {
      cpuUs: cost.serverUs / calls,
      singleUs: single.cost.serverUs / single.result.number("calls"),
      perSecond: (calls / result.number("wallMs")) * 1_000,
      p50: calm.number("latencyP50Ms"),
      p99: calm.number("latencyP99Ms"),
      busy: result.number("busy"),
    },
  };
}
