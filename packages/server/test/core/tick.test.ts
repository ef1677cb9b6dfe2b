import { beforeEach, expect, it } from "vitest";
import { Tick } from "../../src/core/tick.ts";

/** A loop that is turned by hand, and a tick whose end takes as long as a test says. */
let turns: (() => void)[];
let nowMs: number;
let endMs: number;
let waiting: number;
let ended: number[];
let tick: Tick;

beforeEach(() => {
  turns = [];
  nowMs = 0;
  endMs = 0;
  waiting = 0;
  ended = [];
  const ports = { monotonicMs: () => nowMs, endOfTick: (callback: () => void): void => void turns.push(callback) };
  tick = new Tick(ports, {
    waiting: () => waiting,
    end: () => {
      ended.push(waiting);
      waiting = 0;
      nowMs += endMs;
    },
  });
});

function arrive(count: number): void {
  waiting += count;
  tick.schedule();
}

function turn(): void {
  for (const callback of turns.splice(0)) callback();
}

it("ends once for all that came in one turn", () => {
  arrive(2);
  arrive(3);
  turn();
  expect(ended).toEqual([5]);
  expect(turns).toEqual([]);
});

it("does not wait where ends are short", () => {
  for (let round = 0; round < 3; round += 1) {
    arrive(1);
    turn();
  }
  expect(ended).toEqual([1, 1, 1]);
});

it("after a long end goes on as long as each turn brings more, and ends with the first that does not", () => {
  endMs = 80;
  arrive(1);
  turn();
  arrive(10);
  turn();
  arrive(10);
  turn();
  expect(ended).toEqual([1]);
  turn();
  expect(ended).toEqual([1, 20]);
});

it("waits no longer than an eighth of what the last end took, whatever comes", () => {
  endMs = 80;
  arrive(1);
  turn();
  arrive(1);
  for (let passed = 0; ended.length === 1 && passed < 1_000; passed += 1) {
    waiting += 1;
    nowMs += 1;
    turn();
  }
  expect(ended).toEqual([1, 11]);
});

it("ends though nothing waits: there are units and replies to write", () => {
  endMs = 80;
  arrive(1);
  turn();
  arrive(0);
  turn();
  expect(ended).toEqual([1, 0]);
});

it("can be scheduled again while it ends", () => {
  const again = new Tick(
    { monotonicMs: () => 0, endOfTick: (callback) => void turns.push(callback) },
    { waiting: () => 1, end: () => ended.length < 2 && ended.push(1) === 1 && again.schedule() },
  );
  again.schedule();
  turn();
  turn();
  expect(ended).toEqual([1, 1]);
});
