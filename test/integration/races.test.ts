import { createFaulty, holdings, type Fault } from "@carillon/server/testing";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { CountedPorts } from "../support/counted-ports.ts";
import { LateBackplane } from "../support/late-backplane.ts";
import { raceOptions, Races } from "../support/races.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { serve } from "../support/serve.ts";

const PEERS = 150;
const OPERATIONS = 10_000;
const SEED = 20_261_121;

/** What a run left behind, as sentences; none is what is wanted. */
interface Outcome {
  readonly leftovers: readonly string[];
  readonly races: Races;
  readonly deliveries: number;
  readonly timersAfterClose: number;
}

/** Asks again for a second until there is nothing left to say. A stalled machine makes the second longer, not shorter. */
async function settled(leftovers: () => string[]): Promise<string[]> {
  for (let tries = 0; tries < 20 && leftovers().length > 0; tries++) await wait(50);
  return leftovers();
}

async function race(faults: readonly Fault[]): Promise<Outcome> {
  const random = new SeededRandom(SEED);
  const counted = new CountedPorts();
  const late = new LateBackplane(random, 3);
  const carillon = createFaulty(raceOptions(random, { ports: counted.ports, backplane: late.backplane }), faults);
  const serving = await serve(carillon);
  const held = (): string[] => {
    const numbers = { ...holdings(carillon), "channels subscribed at the store": late.subscribed.size };
    return Object.entries(numbers).flatMap(([name, count]) => (count === 0 ? [] : [`${name}: ${count}`]));
  };
  // What an idle server that was used before keeps: the sweeps of the stores, and nothing else.
  const idle = new Races(carillon, serving.url, random);
  await idle.run(5, 50);
  await settled(() => [...held(), ...counted.delays.filter((delayMs) => delayMs < 1_000).map(String)]);
  const idleDelays = counted.delays.join();

  const races = new Races(carillon, serving.url, random);
  await races.run(PEERS, OPERATIONS);
  const leftovers = await settled(() => {
    const delays = counted.delays.join();
    return [
      ...held(),
      ...(delays === idleDelays ? [] : [`timers of an idle server: ${idleDelays}; pending: ${delays}`]),
    ];
  });
  const { deliveries } = carillon.metrics;
  await serving[Symbol.asyncDispose]();
  return { leftovers, races, deliveries, timersAfterClose: counted.pending };
}

function sum(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
}

describe("10,000 races of 150 sockets that wait for nothing", () => {
  it("leave every registry, gauge and timer as on an idle server within a second", async () => {
    const { leftovers, races, deliveries, timersAfterClose } = await race([]);
    console.log(`${races.operations} operations: ${sum(races.sent)}`);
    console.log(`at most ${races.peak} connections at once, ${deliveries} deliveries; refused: ${sum(races.refusals)}`);
    expect(leftovers).toEqual([]);
    expect(timersAfterClose).toBe(0);
    expect(races.operations).toBeGreaterThanOrEqual(OPERATIONS);
    expect(races.peak).toBeGreaterThanOrEqual(100);
    // A run in which nothing went through would leave nothing behind either.
    expect(deliveries).toBeGreaterThan(OPERATIONS);
    for (const kind of ["subscribe", "unsubscribe", "publish", "set", "close", "terminate", "half", "vanish"]) {
      expect(races.sent.get(kind), kind).toBeGreaterThan(100);
    }
  });

  it("report a removal that is skipped", async () => {
    const { leftovers } = await race(["leaky-unsubscribe"]);
    console.log(`with a planted leak: ${leftovers.join("; ")}`);
    expect(leftovers.join("; ")).toMatch(/channels in the hub: \d+/);
  });
});
