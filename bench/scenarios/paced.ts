import type { LoadFields } from "../harness/load.ts";
import type { Subject } from "../harness/subject.ts";
import { faultOf, type Excuses } from "./rounds.ts";
import type { Sample } from "./scenario.ts";

/** A steady rate, so that time counts from when a message was due. */
export interface Pace extends LoadFields {
  readonly rate: number;
  readonly ms: number;
  /** What has not come this long after the last message was due has come too late: the server fell behind. */
  readonly drainMs: number;
}

/** Publishes at a steady rate and waits for the rest. Who is still delivering at the end of the wait fell behind. */
export async function paced(subject: Subject, pace: Pace, excuses: Excuses = {}): Promise<Sample> {
  const { result, cost } = await subject.measure(() => subject.load.order("run", { mode: "paced", ...pace }));
  const deliveries = result.number("taken");
  const share = deliveries / result.number("expected");
  const figures = {
    share,
    deliveries,
    perSecond: (deliveries / result.number("wallMs")) * 1_000,
    p50: result.number("latencyP50Ms"),
    p99: result.number("latencyP99Ms"),
    cpuUs: cost.serverUs / deliveries,
    busy: result.number("busy"),
  };
  // What is under way when the wait ends is late, not lost; what has stopped coming is lost.
  const isLate = share < 1 && result.number("isQuiet") === 0;
  const failure = faultOf(result, { ...excuses, mayLose: isLate });
  if (failure !== undefined) return { figures, failure };
  if (!isLate) return { figures };
  const percent = Math.floor(share * 100);
  return { figures, behind: `${percent} % had come ${pace.drainMs / 1_000} s after the last was due; p99 is of those` };
}
