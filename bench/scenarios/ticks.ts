import type { Subject } from "../harness/subject.ts";
import { faultOf, standing } from "./rounds.ts";
import { figureOf, rowOf } from "./figures.ts";
import type { Context, Row, Sample, Scenario, Verdict } from "./scenario.ts";

const SUBSCRIBERS = 1_000;
/** Messages that are published in one write, and so arrive in one tick of the server. */
export const BURSTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] as const;
/** A loop of sends would need seconds for more. */
const LOOP_BURST_MAX = 100;

/** Fan-out grows with subscribers × ticks, not with messages. */
export const TICKS: Scenario = {
  name: "ticks",
  number: 12,
  title: "Fan-out cost by messages per tick, 1 to 1,000",
  about:
    "1,000 subscribers; so many messages of 100 bytes in one write of the publisher, and the next when all have all. If the cost grew with messages, the figure for 1,000 would be 1,000 times that for 1.",
  peers: ["Carillon", "Bun", "ws"],
  columns: BURSTS.map((burst) => ({ key: `us${burst}`, title: `${burst}`, digits: burst < 20 ? 1 : 0 })),
  plot: { key: "us1000", title: "server CPU, µs per subscriber and tick" },
  measure,
  judge,
};

function measure(context: Context): Promise<Row[]> {
  const ms = context.isQuick ? 150 : 400;
  return standing(
    { ...context, rounds: Math.min(context.rounds, 3) },
    {
      purpose: {},
      open: async (subject) => {
        await subject.open({ clients: SUBSCRIBERS, publishers: 1 });
      },
      sample: (subject) => sample(subject, ms),
    },
  );
}

async function sample(subject: Subject, ms: number): Promise<Sample> {
  const figures: Record<string, number> = {};
  for (const burst of BURSTS) {
    if (subject.peer.name === "ws" && burst > LOOP_BURST_MAX) continue;
    const { result, cost } = await subject.measure(() =>
      subject.load.order("run", { mode: "inFlight", inFlight: burst, burst: 1, ms }),
    );
    const failure = faultOf(result);
    if (failure !== undefined) return { figures, failure: `${burst} a tick: ${failure}` };
    figures[`us${burst}`] = cost.serverUs / ((result.number("published") / burst) * SUBSCRIBERS);
  }
  return { figures };
}

function judge(rows: readonly Row[]): Verdict[] {
  const row = rowOf(rows, "Carillon");
  if (row === undefined) return [];
  const [one, hundred, thousand] = ["us1", "us100", "us1000"].map((key) => figureOf(row, key)?.median ?? Number.NaN);
  if (one === undefined || hundred === undefined || thousand === undefined) return [];
  const isMet = row.failure === undefined && hundred / one <= 10;
  const figure = `100 messages a tick cost ${(hundred / one).toFixed(1)} times what 1 costs, 1,000 cost ${(thousand / one).toFixed(1)} times`;
  return [
    { bar: "cost follows subscribers × ticks: 100 messages a tick cost at most 10 times what 1 costs", isMet, figure },
  ];
}
