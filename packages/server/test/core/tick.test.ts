import { beforeEach, describe, expect, it } from "vitest";
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
  tick = new Tick(ports(), {
    waiting: () => waiting,
    end: () => {
      ended.push(waiting);
      waiting = 0;
      nowMs += endMs;
      return false;
    },
  });
});

/** A timer of one millisecond rings in the next turn, and the clock goes with it. */
function ports(): ConstructorParameters<typeof Tick>[0] {
  return {
    monotonicMs: () => nowMs,
    endOfTick: (callback) => void turns.push(callback),
    after: (delayMs, callback) => {
      turns.push(() => {
        nowMs += delayMs;
        callback();
      });
      return { cancel: () => {} };
    },
  };
}

function arrive(count: number): void {
  waiting += count;
  tick.schedule();
}

function turn(): void {
  for (const callback of turns.splice(0)) callback();
}

/** An end that took so long, and is forgotten as the source of what comes next. */
function endThatTook(ms: number): void {
  endMs = ms;
  arrive(1);
  turn();
  turn();
  ended = [];
}

it("ends once for all that came in one turn", () => {
  arrive(2);
  arrive(3);
  turn();
  expect(ended).toEqual([5]);
  expect(turns).toEqual([]);
});

it("does not wait where ends are short, whenever things come", () => {
  for (let round = 0; round < 3; round += 1) {
    arrive(5);
    turn();
  }
  expect(ended).toEqual([5, 5, 5]);
});

describe("a burst, after a long end", () => {
  it("is waited for as long as each turn brings more", () => {
    endThatTook(80);
    arrive(10);
    turn();
    arrive(10);
    turn();
    expect(ended).toEqual([]);
    turn();
    expect(ended).toEqual([20]);
  });

  it("is waited for no longer than an eighth of what the last end took", () => {
    endThatTook(80);
    arrive(1);
    for (let passed = 0; ended.length === 0 && passed < 1_000; passed += 1) {
      waiting += 1;
      nowMs += 1;
      turn();
    }
    expect(ended).toEqual([11]);
  });
});

describe("a stream that came in during an end", () => {
  function streamAfterEndThatTook(ms: number): void {
    endMs = ms;
    arrive(1);
    turn();
    ended = [];
    arrive(2);
    turn();
  }

  it("gives the tick twice the time of that end", () => {
    streamAfterEndThatTook(4);
    const startMs = nowMs;
    for (let passed = 0; ended.length === 0 && passed < 1_000; passed += 1) {
      waiting += 1;
      turn();
    }
    expect(nowMs - startMs).toBe(8 + endMs);
    expect(ended).toEqual([2 + 8]);
  });

  it("that dries up ends the tick within two milliseconds", () => {
    streamAfterEndThatTook(8);
    turn();
    expect(ended).toEqual([]);
    turn();
    expect(ended).toEqual([2]);
  });

  it("gives it fifteen milliseconds at most", () => {
    streamAfterEndThatTook(12);
    const startMs = nowMs;
    for (let passed = 0; ended.length === 0 && passed < 1_000; passed += 1) {
      waiting += 1;
      turn();
    }
    expect(nowMs - startMs).toBe(15 + endMs);
  });

  it("is not waited for when ends are so long that batches are large anyway", () => {
    streamAfterEndThatTook(26);
    turn();
    expect(ended).toEqual([2]);
  });

  it("is none when one straggler came", () => {
    endMs = 4;
    arrive(1);
    turn();
    ended = [];
    arrive(1);
    turn();
    turn();
    expect(ended).toEqual([1]);
  });
});

it("ends though nothing waits: there are units and replies to write", () => {
  endThatTook(80);
  arrive(0);
  turn();
  expect(ended).toEqual([0]);
});

it("has another when its end says that something is left, and none for what the end itself brought about", () => {
  let left = 2;
  const working = new Tick(ports(), {
    waiting: () => 1,
    end: () => {
      working.schedule();
      ended.push(left);
      left -= 1;
      return left > 0;
    },
  });
  working.schedule();
  for (let passed = 0; passed < 10; passed += 1) turn();
  expect(ended).toEqual([2, 1]);
});
