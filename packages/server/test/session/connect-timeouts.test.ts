import { beforeEach, describe, expect, it } from "vitest";
import { ConnectTimeouts } from "../../src/session/connect-timeouts.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";

const TIMEOUT_MS = 5_000;

let world: VirtualWorld;
let timeouts: ConnectTimeouts;
/** Who was told, and when. */
let told: [name: string, atMs: number][];

beforeEach(() => {
  world = new VirtualWorld();
  timeouts = new ConnectTimeouts(world, TIMEOUT_MS);
  told = [];
});

/** Something that begins to connect now. */
function begin(name: string, then: () => void = () => {}): { connectTimedOut(): void } {
  const startMs = world.monotonicMs();
  const connecting = {
    connectTimedOut: () => {
      told.push([name, world.monotonicMs() - startMs]);
      then();
    },
  };
  timeouts.add(connecting, startMs);
  return connecting;
}

describe("ConnectTimeouts", () => {
  it("tell each when its own time is over, once, with one timer for all", () => {
    begin("first");
    world.advance(2_000);
    begin("second");
    begin("third");
    world.advance(1);
    begin("fourth");
    expect([timeouts.size, world.timers]).toEqual([4, 1]);
    world.advance(TIMEOUT_MS * 3);
    expect(told).toEqual(["first", "second", "third", "fourth"].map((name) => [name, TIMEOUT_MS]));
    expect([timeouts.size, world.timers]).toEqual([0, 0]);
  });

  it("do not tell who has connected, nor those behind later for it", () => {
    const first = begin("first");
    world.advance(1_000);
    begin("second");
    timeouts.remove(first);
    timeouts.remove(first);
    world.advance(TIMEOUT_MS);
    expect(told).toEqual([["second", TIMEOUT_MS]]);
  });

  it("keep one timer however many connect, which rings once more when nobody is left", () => {
    let set = 0;
    const counting = {
      monotonicMs: () => world.monotonicMs(),
      after: (delayMs: number, callback: () => void) => {
        set++;
        return world.after(delayMs, callback);
      },
    };
    timeouts = new ConnectTimeouts(counting, TIMEOUT_MS);
    for (let index = 0; index < 100; index++) timeouts.remove(begin("quick"));
    expect([timeouts.size, world.timers, set]).toEqual([0, 1, 1]);
    world.advance(TIMEOUT_MS);
    expect([told, world.timers, set]).toEqual([[], 0, 1]);
    begin("another");
    world.advance(TIMEOUT_MS);
    expect(told).toEqual([["another", TIMEOUT_MS]]);
  });

  it("tell nobody once they are closed, and leave no timer", () => {
    begin("first");
    timeouts.close();
    expect([timeouts.size, world.timers]).toEqual([0, 0]);
    world.advance(TIMEOUT_MS);
    expect(told).toEqual([]);
  });

  it("tell those who are due next in time, also when another begins while somebody is told", () => {
    begin("first", () => begin("third"));
    world.advance(1_000);
    begin("second");
    world.advance(TIMEOUT_MS);
    expect(told).toEqual([
      ["first", TIMEOUT_MS],
      ["second", TIMEOUT_MS],
    ]);
    expect([timeouts.size, world.timers]).toEqual([1, 1]);
  });

  it("go on with those who begin, and without those who end, while somebody is told", () => {
    begin("first", () => {
      timeouts.remove(second);
      begin("third");
    });
    const second = begin("second");
    world.advance(TIMEOUT_MS);
    expect([timeouts.size, world.timers]).toEqual([1, 1]);
    world.advance(TIMEOUT_MS);
    expect(told).toEqual([
      ["first", TIMEOUT_MS],
      ["third", TIMEOUT_MS],
    ]);
  });
});
