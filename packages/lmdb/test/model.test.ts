import fc from "fast-check";
import { expect, test } from "vitest";
import { memory, type BackplaneContext, type OpenBackplane } from "@carillon/server";
import { VirtualWorld, type ChannelOptions, type Ports } from "@carillon/server/testing";
import { step, Step, stepOrRestart, type Pass } from "./model-steps.ts";
import { STATES, Subject } from "./model-subject.ts";
import { closeStore, Folder, openStore } from "./stores.ts";

function portsOf(world: VirtualWorld): Ports {
  return {
    monotonicMs: () => world.monotonicMs(),
    wallMs: () => world.wallMs(),
    after: (delayMs, callback) => world.after(delayMs, callback),
    endOfTick: (callback) => {
      setImmediate(callback);
    },
    random: () => world.random(),
    id: () => world.id(),
    hash: (what) => world.hash(what),
    digest: (what) => world.digest(what),
  };
}

function openMemory(context: BackplaneContext): Promise<OpenBackplane> {
  return new Promise((resolve, reject) => {
    memory().open(context, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)));
  });
}

/** Everything that was decided by itself is durable, and delivered. */
function settled(subject: Subject): Promise<unknown> {
  return new Promise((done) => subject.channels.snapshot("state:plain", STATES["state:plain"] as ChannelOptions, done));
}

async function compare(steps: readonly (Step | Pass | "restart")[]): Promise<void> {
  const world = new VirtualWorld();
  const ports = portsOf(world);
  await using folder = await Folder.create();
  const one = new Subject(ports);
  const other = new Subject(ports);
  await one.open(openMemory);
  await other.open((context) => openStore(folder.path, context));
  for (const next of steps) {
    if (next === "restart") {
      if (other.backplane !== null) await closeStore(other.backplane);
      await other.open((context) => openStore(folder.path, context));
    } else if (next instanceof Step) {
      const said = one.noted(await next.run(one));
      expect(other.noted(await next.run(other))).toEqual(said);
      // No two things happen in one millisecond, of which the order would be a store's own.
      world.advance(1);
    } else {
      // In strides: what one timer begins, and another follows up on, is not done within a call.
      for (let left = next.pass; left > 0; left -= 50) {
        world.advance(50);
        await settled(other);
      }
    }
    for (let round = 0; round < 2; round++) await settled(other);
    expect(Object.fromEntries(other.deliveries)).toEqual(Object.fromEntries(one.deliveries));
  }
  for (const { backplane, errors } of [one, other]) {
    expect(errors).toEqual([]);
    if (backplane !== null) await closeStore(backplane);
  }
}

test(
  "says and delivers what the memory backplane says and delivers, whatever is asked of both",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => compare(steps)),
      { numRuns: 100 },
    );
  },
);

test("and goes on saying it when it is closed and opened again in between", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepOrRestart, { minLength: 10, maxLength: 50 }), (steps) => compare(steps)),
    { numRuns: 60 },
  );
});
