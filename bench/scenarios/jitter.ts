import type { Subject } from "../harness/subject.ts";
import { allDelivered, atMost } from "./figures.ts";
import { faultOf, together } from "./rounds.ts";
import type { Sample, Scenario } from "./scenario.ts";

const CLIENTS = 1_000;
const PER_SECOND = 2;
const AWAY_MS = 2_000;

/** A network that breaks: what of the broadcasts gets through? */
export const JITTER: Scenario = {
  name: "jitter",
  number: 5,
  title: "Jitter: 1,000 clients, 120 broadcasts at 2/s, each cut every 15 s for 2 s",
  about:
    "The shape of a published test of AnyCable's (P1: Socket.IO 84.55 %, uWebSockets 87.03 %, Socket.IO with connection state recovery 100 % with a replay p99 of 4.58 s, AnyCable 100 % with 6.14 s; at 10,000 clients on 32 processors). All servers run at the same time. Replay: from the reconnect to the arrival of a message that was missed.",
  peers: ["Carillon", "ws", "Socket.IO", "Socket.IO CSR"],
  columns: [
    { key: "share", title: "delivered", digits: 4 },
    { key: "lost", title: "lost", digits: 0 },
    { key: "replayed", title: "replayed", digits: 0 },
    { key: "replayP50", title: "replay p50 ms", digits: 1 },
    { key: "replayP99", title: "replay p99 ms", digits: 1 },
    { key: "p99", title: "live p99 ms", digits: 1 },
    { key: "cuts", title: "cuts", digits: 0 },
    { key: "cpuMs", title: "CPU ms per second", digits: 1 },
  ],
  plot: { key: "share", title: "share of broadcasts delivered" },
  measure: (context) => {
    const load = context.isQuick ? { ms: 10_000, killEveryMs: 5_000 } : { ms: 60_000, killEveryMs: 15_000 };
    return together(context, {}, (subject) => sample(subject, load));
  },
  judge: (rows) => [
    allDelivered(rows, "100 % delivered"),
    atMost(rows, "replayP99", 500, "replay p99 at most 500 ms", "ms"),
  ],
};

async function sample(
  subject: Subject,
  { ms, killEveryMs }: { readonly ms: number; readonly killEveryMs: number },
): Promise<Sample> {
  await subject.open({ clients: CLIENTS, publishers: 1, trackEvery: 1 });
  const fields = { mode: "paced", rate: PER_SECOND, ms, killEveryMs, awayMs: AWAY_MS, spins: 0, drainMs: 10_000 };
  const { result, cost } = await subject.measure(() => subject.load.order("run", fields));
  const expected = result.number("expected");
  const lost = result.number("lost");
  const figures = {
    share: (expected - lost) / expected,
    lost,
    replayed: result.number("replayCount"),
    replayP50: result.number("replayP50Ms"),
    replayP99: result.number("replayP99Ms"),
    p99: result.number("latencyP99Ms"),
    cuts: result.number("wentAway"),
    cpuMs: cost.serverUs / cost.wallMs,
  };
  // What is lost is the figure here; what comes twice, or broken, is not.
  const failure = faultOf(result, { mayLose: true });
  return failure === undefined ? { figures } : { figures, failure };
}
