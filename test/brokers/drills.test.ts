import { describe, expect, test } from "vitest";
import type { BrokerName, DrillName, DrillOptions } from "../drills/options.ts";
import { DRILLS, runControl, runDrill } from "../drills/run-drill.ts";
import { missingNats } from "../support/nats-server.ts";
import { WITHOUT_REDIS } from "../support/redis-server.ts";

/** A short drill takes less than 20 s on an idle machine. */
const TIMEOUT_MS = 120_000;

const missing: Readonly<Record<BrokerName, string | null>> = { redis: WITHOUT_REDIS, nats: missingNats() ?? null };

/** Each drill once, on one of the brokers; `npm run drill` is for the others, and for figures. */
const SHORT: readonly (readonly [name: DrillName, options: DrillOptions])[] = [
  ["rollback", { backplane: "redis", seed: 5, times: 3, clients: 6 }],
  ["swallow", { backplane: "nats", seed: 5, times: 40, clients: 3 }],
  ["crash", { backplane: "redis", seed: 5, times: 1, clients: 100 }],
  ["rolling-restart", { backplane: "nats", seed: 5, times: 1, clients: 90 }],
];

describe("drills, short", () => {
  for (const [name, options] of SHORT) {
    test(`${name} with ${options.backplane} misses no bar`, { timeout: TIMEOUT_MS }, async (context) => {
      const reason = missing[options.backplane];
      if (reason !== null) context.skip(reason);
      const { rows, misses } = await runDrill(name, options);
      expect(misses, rows.map((row) => row.join(": ")).join("\n")).toEqual([]);
    });
  }

  test("swallow reports a build that compares nothing", { timeout: TIMEOUT_MS }, async (context) => {
    if (missing.redis !== null) context.skip(missing.redis);
    const options: DrillOptions = { backplane: "redis", seed: 5, times: 20, clients: 3 };
    for (const control of DRILLS.swallow.controls) {
      const { miss, result } = await runControl("swallow", options, control);
      expect(miss, result.misses.join("\n")).not.toBeNull();
    }
  });
});
