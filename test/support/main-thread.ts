import type { Browser, CDPSession, Page } from "playwright-core";

/** A task of the main thread from this length on is in the figures, in milliseconds. */
const LISTED_MS = 50;

/** How a page's main thread fared, by Chromium's own tracing. */
export interface MainThreadFigures {
  readonly tasks: number;
  /** Share of the time in which it worked. */
  readonly busy: number;
  readonly longestMs: number;
  /** The longest by processor time: without what the thread waited for a processor that others had. */
  readonly longestOwnMs: number;
  /** Lengths of tasks of 50 ms and more, longest first. */
  readonly longMs: readonly number[];
}

/** An event of a trace, as far as it is looked at. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly dur?: number;
  /** Microseconds of processor time. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Traces a page while `run` runs. */
export async function traceMainThread(
  browser: Browser,
  page: Page,
  run: () => Promise<void>,
): Promise<MainThreadFigures> {
  await browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline"] });
  const sinceMs = performance.now();
  await run();
  const elapsedMs = performance.now() - sinceMs;
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: readonly TraceEvent[] };
  const threads = trace.traceEvents.filter(
    ({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain",
  );
  const tasks = threads.map(({ pid, tid }) =>
    trace.traceEvents.filter(
      (event) => event.name === "RunTask" && event.ph === "X" && event.pid === pid && event.tid === tid,
    ),
  );
  // A page has the renderer that works most; an idle one belongs to a spare process.
  const [busiest = []] = tasks.sort((a, b) => sum(lengthsOf(b)) - sum(lengthsOf(a)));
  const lengths = lengthsOf(busiest);
  return {
    tasks: busiest.length,
    busy: sum(lengths) / elapsedMs,
    longestMs: Math.max(0, ...lengths),
    longestOwnMs: Math.max(0, ...busiest.map(({ tdur = 0 }) => tdur / 1_000)),
    longMs: lengths.filter((ms) => ms >= LISTED_MS).sort((a, b) => b - a),
  };
}

function lengthsOf(events: readonly TraceEvent[]): number[] {
  return events.map(({ dur = 0 }) => dur / 1_000);
}

/** What a page holds, after a collection of garbage. */
export interface PageMemory {
  readonly heapBytes: number;
  readonly nodes: number;
  readonly listeners: number;
}

/** Collects garbage and measures. */
export async function pageMemory(session: CDPSession): Promise<PageMemory> {
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.collectGarbage");
  await session.send("Performance.enable");
  const { metrics } = await session.send("Performance.getMetrics");
  const read = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? 0;
  return { heapBytes: read("JSHeapUsedSize"), nodes: read("Nodes"), listeners: read("JSEventListeners") };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
