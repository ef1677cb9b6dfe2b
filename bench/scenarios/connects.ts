import type { Subject } from "../harness/subject.ts";
import { atMostOf } from "./figures.ts";
import { fresh } from "./rounds.ts";
import type { Sample, Scenario } from "./scenario.ts";

/**
 * Connects that are not measured. A server runs for days, and its first few thousand connects cost up to four times what the later ones
 * do, for every server in JavaScript: half of it is the engine's compiler, on threads of its own. The cost goes on falling until 20,000 or
 * so, by a quarter for Carillon and for Socket.IO alike; to wait for that would make everything together take too long.
 */
const WARM = 3_000;

/** How fast clients get in. */
export const CONNECTS: Scenario = {
  name: "connects",
  number: 8,
  title: "Connects per second with ticket",
  about:
    "Connection, upgrade, a credential that the server handed out before (which is counted), one subscription, and its answer; 64 at a time. 3,000 came in before, so that most code is compiled.",
  peers: ["Carillon", "Bun", "node:net", "ws", "Socket.IO"],
  columns: [
    { key: "cpuUs", title: "CPU µs per connect", digits: 0 },
    { key: "perSecond", title: "connects/s", digits: 0 },
    { key: "p99", title: "p99 ms", digits: 1 },
  ],
  plot: { key: "cpuUs", title: "server CPU, µs per connect" },
  measure: (context) => {
    const clients = context.isQuick ? 1_500 : 4_000;
    return fresh(
      context,
      Math.min(context.rounds, 4),
      () => ({}),
      (subject) => sample(subject, clients),
    );
  },
  judge: (rows) => [atMostOf(rows, "cpuUs", "Socket.IO", 0.5, "1/2")],
};

async function sample(subject: Subject, clients: number): Promise<Sample> {
  await subject.open({ clients: WARM, parallel: 64 });
  const { result, cost } = await subject.measure(() => subject.open({ clients, parallel: 64 }));
  return {
    figures: {
      cpuUs: cost.serverUs / clients,
      perSecond: (clients / cost.wallMs) * 1_000,
      p99: result.number("connectP99Ms"),
    },
  };
}
