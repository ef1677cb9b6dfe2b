import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Bundle } from "../support/bundle.ts";
import { cutAcknowledgements, STAGES, type CutReport } from "../support/cut-acknowledgements.ts";
import { DurableServer } from "../support/durable-server.ts";

let program: Bundle;
let folder: string;

beforeAll(async () => {
  program = await DurableServer.program();
  folder = await mkdtemp(join(tmpdir(), "carillon-retries-"));
});

afterAll(async () => {
  program[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

function print(what: string, { published, kills, answers, ...counts }: CutReport): void {
  const total = Object.values(published).reduce((sum, count) => sum + count, 0);
  const numbers = Object.entries(counts).map(([name, count]) => `${name} ${count.toLocaleString("en")}`);
  console.log(
    `${what}: ${total.toLocaleString("en")} publishes, ${kills} kills, ${answers.toLocaleString("en")} answers; ` +
      numbers.join(", "),
  );
}

describe("publishes over real connections whose acknowledgement is cut away, and which are retried", () => {
  test("land once each, with the first answer: 100,000 of them", { timeout: 90_000 }, async () => {
    const report = await cutAcknowledgements({ program, folder: join(folder, "sound"), rounds: 40, seed: 4 });
    print("acknowledgements cut away", report);
    expect(report.published).toEqual(Object.fromEntries(STAGES.map((stage) => [stage, 25_000])));
    expect(report).toMatchObject({
      different: 0,
      refused: 0,
      early: 0,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      holes: 0,
      unlike: 0,
    });
    // Each is compared at least once, and those whose acknowledgement had come twice.
    expect(report.compared).toBeGreaterThanOrEqual(125_000);
    expect(report.kills).toBe(10);
  });

  test("land more than once in a server that does not know ids again, and it is noticed", async () => {
    const faults = ["no-dedup"] as const;
    const report = await cutAcknowledgements({ program, folder: join(folder, "faulty"), rounds: 4, seed: 4, faults });
    print("control, no-dedup", report);
    expect(report.duplicated).toBeGreaterThan(10_000);
    expect(report.different).toBeGreaterThan(10_000);
  });
});
