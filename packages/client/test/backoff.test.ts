import { expect, test } from "vitest";
import { World } from "./world.ts";

/** Milliseconds between the attempts of a client that is refused each time, with `chance` for what is drawn. */
async function gapsWith(chance: number, untilMs: number): Promise<number[]> {
  const world = new World();
  world.isReachable = false;
  world.chance = chance;
  world.connect();
  await world.settle();
  const opened: number[] = [];
  for (let seen = 0; world.nowMs < untilMs;) {
    if (world.ends.length > seen) {
      seen = world.ends.length;
      opened.push(world.nowMs);
      world.end.close(1006);
    }
    await world.advance(10);
  }
  return opened.slice(1).map((at, index) => at - (opened[index] ?? 0));
}

test("delays between attempts are below a bound that doubles up to 20 s", async () => {
  const gaps = await gapsWith(0.999, 200_000);
  for (const [attempt, gap] of gaps.entries()) {
    const boundMs = Math.min(20_000, 500 * 2 ** attempt);
    expect(gap).toBeGreaterThan(boundMs * 0.9);
    expect(gap).toBeLessThanOrEqual(boundMs + 30);
  }
  expect(gaps.length).toBeGreaterThan(9);
});

test("from the second attempt on, a delay is at least half of its bound: short ones would use up attempts on a server that is away", async () => {
  const gaps = await gapsWith(0, 20_000);
  expect(gaps.slice(0, 5).map((gap) => Math.round(gap / 50) * 50)).toEqual([0, 500, 1_000, 2_000, 4_000]);
});
