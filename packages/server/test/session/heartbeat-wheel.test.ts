import { describe, expect, it } from "vitest";
import { HeartbeatWheel } from "../../src/session/heartbeat-wheel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";

const INTERVAL_MS = 10_000;

describe("The heartbeat wheel", () => {
  it("lets each beat once an interval, and spreads them over it", () => {
    const world = new VirtualWorld();
    const wheel = new HeartbeatWheel(world, INTERVAL_MS);
    const beats = Array.from({ length: 1_000 }, () => 0);
    const times = new Map<number, number>();
    beats.forEach((_, index) => {
      wheel.add({
        beat: () => {
          beats[index]!++;
          times.set(world.monotonicMs(), (times.get(world.monotonicMs()) ?? 0) + 1);
        },
      });
    });
    world.advance(INTERVAL_MS);
    expect(beats.every((count) => count === 1)).toBe(true);
    expect(times.size).toBe(25);
    expect(Math.max(...times.values())).toBeLessThan(80);
    world.advance(9 * INTERVAL_MS);
    expect(beats.every((count) => count === 10)).toBe(true);
  });

  it("has one timer for all of them, and none when the last has gone", () => {
    const world = new VirtualWorld();
    const wheel = new HeartbeatWheel(world, INTERVAL_MS);
    expect(world.timers).toBe(0);
    const beatings = [1, 2, 3].map(() => ({ beat: () => {} }));
    const removals = beatings.map((beating) => {
      const spoke = wheel.add(beating);
      return () => wheel.remove(beating, spoke);
    });
    expect(world.timers).toBe(1);
    for (const remove of removals) remove();
    for (const remove of removals) remove();
    expect(world.timers).toBe(0);
    wheel.add({ beat: () => {} });
    expect(world.timers).toBe(1);
  });

  it("lets one be removed by a beat, its own or another's, and stops when nobody is left", () => {
    const world = new VirtualWorld();
    const wheel = new HeartbeatWheel(world, INTERVAL_MS);
    const removals: (() => void)[] = [];
    let beats = 0;
    const beat = (): void => {
      beats++;
      for (const remove of removals) remove();
    };
    for (let count = 0; count < 10; count++) {
      const beating = { beat };
      const spoke = wheel.add(beating);
      removals.push(() => wheel.remove(beating, spoke));
    }
    world.advance(2 * INTERVAL_MS);
    expect(beats).toBe(1);
    expect(world.timers).toBe(0);
  });
});
