import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Bundle, Sabotage } from "../support/bundle.ts";
import { KillableStore } from "../support/killable-store.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { NO_DISK, SmallDisk } from "../support/small-disk.ts";

const ROUNDS = 12;
const DISK_BYTES = 64 * 2 ** 20;
const BATCH = 20;
/** Publications that are acknowledged before each power cut. */
const ACKNOWLEDGED_MIN = 100;

/** What a store had after power cuts. */
interface Outcome {
  readonly acknowledged: number;
  /** Asked for and not acknowledged when the power went. */
  readonly open: number;
  /** Acknowledged, and not there. */
  readonly lost: number;
  /** There, and not the next of what was asked for. */
  readonly strange: number;
  /** Power cuts behind which the store could not be opened. */
  readonly refused: number;
}

/** Publishes as fast as the store takes it, cuts the power at random moments, and looks what is there. */
async function cutPowerUnder(disk: SmallDisk, program: Bundle, seed: number): Promise<Outcome> {
  const random = new SeededRandom(seed);
  const folder = join(disk.path, "store");
  let [acknowledged, open, lost, strange, refused] = [0, 0, 0, 0, 0];
  let stored: readonly string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const store = await KillableStore.open(program, folder).catch(() => null);
    if (store === null) {
      refused++;
      break;
    }
    const known = new Set(stored);
    const asked: string[] = [];
    const kept = stored.length;
    let isOn = true;
    const publish = async (): Promise<void> => {
      const ids = Array.from({ length: BATCH }, (_, index) => `${round}-${asked.length + index}`);
      asked.push(...ids);
      const results = await store.publish(ids);
      if (!isOn) return;
      for (const [index, id] of ids.entries()) if (typeof results[index] !== "string") known.add(id);
      await publish();
    };
    for (let pipelined = 0; pipelined < 4; pipelined++) void publish();
    await wait(20 + random.below(200));
    // A busy machine may have come to nothing by now, and a power cut under nothing shows nothing.
    while (known.size - kept < ACKNOWLEDGED_MIN) await wait(1);
    isOn = false;
    await store.kill();
    acknowledged += known.size - kept;
    open += asked.length - (known.size - kept);
    disk.cutPower();
    const next = await KillableStore.open(program, folder).catch(() => null);
    const there = (await next?.read()) ?? [];
    if (next === null) refused++;
    await next?.kill();
    // Everything that was acknowledged, then perhaps some of what was not, in the order in which it was asked for.
    const expected = [...stored, ...asked];
    lost += [...known].filter((id) => !there.includes(id)).length;
    strange += there.filter((id, index) => expected[index] !== id).length;
    stored = there;
  }
  return { acknowledged, open, lost, strange, refused };
}

async function run(what: string, sabotage?: Sabotage): Promise<Outcome | null> {
  using disk = SmallDisk.mount(DISK_BYTES);
  if (disk === null) return null;
  using program = await KillableStore.program(sabotage);
  const outcome = await cutPowerUnder(disk, program, 7);
  console.log(`${what}: ${JSON.stringify(outcome)}`);
  return outcome;
}

describe("a store whose power is cut", () => {
  test("has everything that it acknowledged, and nothing out of order", async (context) => {
    const outcome = await run(`${ROUNDS} power cuts`);
    if (outcome === null) context.skip(NO_DISK);
    expect(outcome).toMatchObject({ lost: 0, strange: 0, refused: 0 });
    expect(outcome?.acknowledged).toBeGreaterThanOrEqual(ROUNDS * ACKNOWLEDGED_MIN);
    // Something was under way when the power went, or the moment would not have been random.
    expect(outcome?.open).toBeGreaterThan(100);
  });

  test("has not, when it acknowledges without a sync", async (context) => {
    const file = "packages/lmdb/src/environment.ts";
    const outcome = await run("control, no sync", {
      file,
      find: "overlappingSync: false,",
      replace: "overlappingSync: false, noSync: true,",
    });
    if (outcome === null) context.skip(NO_DISK);
    expect(outcome?.lost).toBeGreaterThanOrEqual(ACKNOWLEDGED_MIN);
  });
});
