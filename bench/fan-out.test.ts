import { describe, expect, it } from "vitest";
import { isWithinBar } from "./bars.ts";
import { measureFanOut, type FanOutReport } from "./fan-out.ts";
import type { ServerKind } from "./messages.ts";
import { spreadOf } from "./statistics.ts";
import { table } from "./table.ts";

const SUBSCRIBERS = 120;
const MESSAGES = 50;
const ROUNDS = 2;

function measure(kinds: readonly ServerKind[]): Promise<FanOutReport> {
  return measureFanOut({
    kinds,
    subscribers: SUBSCRIBERS,
    rounds: ROUNDS,
    loads: [16, 1].map((inFlight) => ({ inFlight, messages: () => MESSAGES })),
    cpus: null,
    nodeArgs: ["--conditions=@carillon/source", "--import", "tsx"],
  });
}

describe("the fan-out benchmark", () => {
  it("counts every delivery of every server under every load", async () => {
    const { results, problems } = await measure(["ws", "carillon.1", "raw"]);
    expect(problems).toEqual([]);
    expect(results.map(({ kind, inFlight }) => `${kind} ${inFlight}`)).toEqual([
      "ws 16",
      "carillon.1 16",
      "raw 16",
      "ws 1",
      "carillon.1 1",
      "raw 1",
    ]);
    for (const { deliveries, cpuUsPerDelivery, bytesPerDelivery } of results) {
      expect(deliveries).toBe(SUBSCRIBERS * MESSAGES * ROUNDS);
      expect(cpuUsPerDelivery.min).toBeGreaterThan(0);
      expect(bytesPerDelivery).toBeGreaterThanOrEqual(100);
    }
    expect(table(results).split("\n")).toHaveLength(2 + results.length);
  });

  it("fails a server that leaves a delivery out", async () => {
    const { problems } = await measure(["lossy"]);
    expect(problems.join("\n")).toMatch(/lossy, 16 in flight: \d+ subscribers did not get 50 messages/);
  });
});

describe("the statistics of a benchmark", () => {
  it("are the middle, the least and the most", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it("hold a result to its bar, but not ws itself", () => {
    const one = spreadOf([1]);
    const rest = { cpuUsPerDelivery: one, deliveriesPerSecond: one, bytesPerDelivery: 1, loadBusy: one, deliveries: 1 };
    const withRatio = (kind: ServerKind, inFlight: number, ratio: number): boolean =>
      isWithinBar({ ...rest, kind, inFlight, ratioToWs: spreadOf([ratio]) });
    expect(withRatio("raw", 64, 0.05)).toBe(true);
    expect(withRatio("raw", 64, 0.051)).toBe(false);
    expect(withRatio("carillon.1", 1, 1.2)).toBe(false);
    expect(withRatio("ws", 64, 1)).toBe(true);
  });
});
