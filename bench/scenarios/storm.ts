import { setTimeout as wait } from "node:timers/promises";
import type { Subject } from "../harness/subject.ts";
import { allDelivered, atMostOf } from "./figures.ts";
import { faultOf, fresh } from "./rounds.ts";
import type { Sample, Scenario } from "./scenario.ts";

const MISSED = 100;
const NOTICED_MS = 500;

/** Everybody comes back at once, and has missed a hundred messages. */
export const STORM: Scenario = {
  name: "storm",
  number: 10,
  title: "Recovery storm: 5,000 clients, each missing 100 publications",
  about:
    "All are cut, 100 messages of 100 bytes are published, all come back (1,024 connecting at a time) and catch up. ws and Socket.IO without recovery have nothing to catch up with.",
  peers: ["Carillon", "Socket.IO CSR"],
  columns: [
    { key: "share", title: "recovered", digits: 4 },
    { key: "cpuUs", title: "CPU µs per client", digits: 0 },
    { key: "allMs", title: "ms until all have all", digits: 0 },
    { key: "p50", title: "p50 ms", digits: 0 },
    { key: "p99", title: "p99 ms", digits: 0 },
  ],
  plot: { key: "allMs", title: "ms until everybody has everything" },
  measure: (context) => {
    const clients = context.isQuick ? 2_000 : 5_000;
    return fresh(
      context,
      Math.min(context.rounds, 2),
      () => ({}),
      (subject) => sample(subject, clients),
    );
  },
  judge: (rows) => [
    allDelivered(rows, "everything recovered"),
    atMostOf(rows, "allMs", "Socket.IO CSR", 0.5, "1/2 (ms until all have all)"),
    atMostOf(rows, "cpuUs", "Socket.IO CSR", 0.5, "1/2 (CPU per client)"),
  ],
};

async function sample(subject: Subject, clients: number): Promise<Sample> {
  await subject.open({ clients, publishers: 1, trackEvery: 1, parallel: 512 });
  // Something first: Socket.IO can recover only who has seen an event.
  const first = await subject.load.order("run", { mode: "paced", rate: 20, ms: 500 });
  await subject.load.order("drop");
  await wait(NOTICED_MS);
  await subject.load.order("run", { mode: "paced", rate: 1_000, ms: MISSED, drainMs: 1_000, quietMs: 200 });
  const { result, cost } = await subject.measure(() => subject.load.order("reopen", { parallel: 1_024 }));
  const lost = result.number("lost");
  const expected = clients * MISSED;
  const figures = {
    share: (expected - lost) / expected,
    cpuUs: cost.serverUs / clients,
    allMs: result.number("wallMs"),
    p50: result.number("latencyP50Ms"),
    p99: result.number("latencyP99Ms"),
  };
  const failure = faultOf(first) ?? faultOf(result);
  return failure === undefined ? { figures } : { figures, failure };
}
