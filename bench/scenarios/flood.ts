import type { Subject } from "../harness/subject.ts";
import { allDelivered, atMost, atMostOf, figureOf, ratioOf, rowOf, spreadText } from "./figures.ts";
import { paced } from "./paced.ts";
import { fresh } from "./rounds.ts";
import type { Row, Sample, Scenario, Verdict } from "./scenario.ts";

const SUBSCRIBERS = 10_000;
const PER_SECOND = 100;

/** A million deliveries a second. */
export const FLOOD: Scenario = {
  name: "flood",
  number: 3,
  title: "10,000 subscribers × 100 messages/s = 1,000,000 deliveries/s",
  about:
    "One publisher, messages of 100 bytes, at a steady rate whatever the server does; time counts from when a message was due.",
  peers: ["Carillon", "Bun", "nats-server", "ws", "Socket.IO"],
  columns: [
    { key: "share", title: "delivered", digits: 4 },
    { key: "perSecond", title: "deliveries/s", digits: 0 },
    { key: "p50", title: "p50 ms", digits: 0 },
    { key: "p99", title: "p99 ms", digits: 0 },
    { key: "cpuUs", title: "CPU µs per delivery", digits: 2 },
    { key: "busy", title: "load busy", digits: 2 },
  ],
  plot: { key: "p99", title: "p99 latency, ms (log scale)" },
  measure: (context) => {
    const ms = context.isQuick ? 2_000 : 6_000;
    const rounds = context.isQuick ? 1 : Math.min(context.rounds, 2);
    return fresh(
      context,
      rounds,
      () => ({}),
      (subject) => sample(subject, ms),
    );
  },
  judge,
};

async function sample(subject: Subject, ms: number): Promise<Sample> {
  await subject.open({ clients: SUBSCRIBERS, publishers: 1, parallel: 512, trackEvery: 1_000 });
  // A little first, so that no server is measured while its code is compiled.
  await subject.load.order("run", { mode: "paced", rate: 20, ms: 500, drainMs: 10_000 });
  return paced(subject, { rate: PER_SECOND, ms, drainMs: 4_000 });
}

function judge(rows: readonly Row[]): Verdict[] {
  const p99 = ratioOf(rows, "p99", "Carillon", "Bun");
  const [ws, socketIo] = ["ws", "Socket.IO"].map((peer) => rowOf(rows, peer));
  const fellBehind = [ws, socketIo].filter((row) => row?.behind !== undefined).map((row) => row?.peer ?? "");
  return [
    allDelivered(rows, "every message delivered"),
    atMost(rows, "p99", 400, "p99 at most 400 ms", "ms"),
    {
      bar: "ws and Socket.IO fall behind for good",
      isMet: ws === undefined || socketIo === undefined ? null : fellBehind.length === 2,
      figure: [ws, socketIo]
        .map(
          (row) =>
            `${row?.peer ?? "?"} ${row?.behind ?? row?.failure ?? `kept up, p99 ${String(figureOf(row, "p99")?.median)} ms`}`,
        )
        .join("; "),
    },
    atMostOf(rows, "p50", "Bun", 1.5, "1.5 (p50)"),
    {
      bar: "p99 as a share of Bun's, reported",
      isMet: null,
      figure: p99 === null ? "Bun was not measured" : spreadText(p99, 2),
    },
  ];
}
