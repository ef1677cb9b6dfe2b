import { beforeEach, describe, expect, it } from "vitest";
import { Gulps, Sender } from "../../src/session/gulps.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";

const SHORT_END_MS = 0;
const LONG_END_MS = 5;
/** For how long a sender must be heard until it is taken for a stream: a little longer than it takes. */
const UNTIL_STREAM_MS = 50;
/** For how long a stream is left unread after a tick with publishes of its. */
const GULP_MS = 5;
/** For how long it is watched until it is judged, with the last gulp. */
const TRIAL_MS = 50;

let world: VirtualWorld;
let gulps: Gulps;
let log: string[];

beforeEach(() => {
  world = new VirtualWorld();
  gulps = new Gulps(world);
  log = [];
});

function sender(name: string = "a"): Sender {
  return new Sender({
    leaveUnread: () => void log.push(`${name} unread`),
    readOn: () => void log.push(`${name} read`),
  });
}

/** One tick with so many publishes of a sender. */
function tick(from: Sender, publishes: number, lastEndMs: number = SHORT_END_MS): void {
  for (let count = 0; count < publishes; count += 1) gulps.published(from);
  gulps.endTick(lastEndMs);
}

/** Publishes at a rate for so long, a tick each millisecond, whatever the server does. */
function stream(from: Sender, perMs: number, ms: number, lastEndMs?: number): void {
  for (let passed = 0; passed < ms; passed += 1) {
    tick(from, perMs, lastEndMs);
    world.advance(1);
  }
}

/** Publishes so many in each millisecond in which it is read from, and waits for their answers, which gulps hold up. */
function converse(from: Sender, perMs: number, ms: number): void {
  for (let passed = 0; passed < ms; passed += 1) {
    const last = log.findLast((line) => line.startsWith("a"));
    if (last !== "a unread") tick(from, perMs);
    world.advance(1);
  }
}

function gulpsSoFar(): number {
  return log.filter((line) => line === "a unread").length;
}

describe("A sender", () => {
  it("of less than a thousand publishes a second is always read from", () => {
    const slow = sender();
    for (let count = 0; count < 1_000; count += 1) {
      tick(slow, 1);
      world.advance(2);
    }
    expect(log).toEqual([]);
  });

  it("of thousands of publishes a second is left unread for five milliseconds after a tick with some of its", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    expect(log[0]).toBe("a unread");
    world.advance(GULP_MS);
    log = [];
    tick(fast, 20);
    world.advance(4);
    expect(log).toEqual(["a unread"]);
    world.advance(1);
    expect(log).toEqual(["a unread", "a read"]);
  });

  it("that goes on like that goes on being read from in gulps", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    log = [];
    for (let count = 0; count < 100; count += 1) {
      tick(fast, 20);
      world.advance(GULP_MS);
    }
    expect(gulpsSoFar()).toBe(100);
  });

  it("that slows down is read from as things come", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    for (let count = 0; count < 10; count += 1) {
      tick(fast, 1);
      world.advance(GULP_MS);
    }
    log = [];
    tick(fast, 1);
    expect(log).toEqual([]);
  });

  it("that waits for its answers is let alone after some trials, for seconds", () => {
    const waiting = sender();
    converse(waiting, 4, 300);
    expect(gulpsSoFar()).toBeGreaterThan(0);
    log = [];
    converse(waiting, 4, 14_700);
    expect(log).toEqual([]);
    converse(waiting, 4, 500);
    expect(log).not.toEqual([]);
  });

  it("that waits for its answers loses little by the trials", () => {
    const waiting = sender();
    converse(waiting, 4, 16_000);
    expect(gulpsSoFar()).toBeGreaterThan(0);
    // Each gulp is four milliseconds more than it would have waited.
    expect(gulpsSoFar() * (GULP_MS - 1)).toBeLessThan(16_000 / 100);
  });

  it("that sends the next when it has the answer to the last is let alone after two trials", () => {
    const waiting = sender();
    // Eight answers a millisecond as things come, one a gulp.
    for (let passed = 0; passed < 400; passed += 1) {
      const last = log.at(-1);
      if (last !== "a unread") tick(waiting, last === "a read" && waiting.rate > 0 ? 1 : 8);
      world.advance(1);
    }
    expect(gulpsSoFar()).toBeGreaterThan(0);
    expect(gulpsSoFar()).toBeLessThanOrEqual(2 * 9);
  });

  it("whose first burst was held up, and came at once, is not taken for a faster one", () => {
    const fast = sender();
    stream(fast, 4, 5);
    // Two hundred milliseconds' worth in one tick, as after a standstill.
    tick(fast, 800);
    stream(fast, 4, 150);
    log = [];
    for (let count = 0; count < 100; count += 1) {
      tick(fast, 20);
      world.advance(GULP_MS);
    }
    expect(gulpsSoFar()).toBe(100);
  });

  it("is a stream still when it was the server that stood still: what it sent meanwhile has come", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    world.advance(20);
    log = [];
    tick(fast, 80);
    expect(log).toEqual(["a unread"]);
  });

  it("that slackens now and then is soon a stream again", () => {
    const fast = sender();
    for (let round = 0; round < 10; round += 1) {
      stream(fast, 4, UNTIL_STREAM_MS);
      for (let count = 0; count < 9; count += 1) {
        tick(fast, 9);
        world.advance(GULP_MS);
      }
      stream(fast, 4, UNTIL_STREAM_MS);
      log = [];
      for (let count = 0; count < 10; count += 1) {
        tick(fast, 20);
        world.advance(GULP_MS);
      }
      expect(gulpsSoFar()).toBe(10);
    }
  });

  it("that pauses for a moment in the middle of a trial is a stream still", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    for (let round = 0; round < 10; round += 1) {
      world.advance(30);
      log = [];
      for (let passed = 0; passed < TRIAL_MS; passed += GULP_MS) {
        tick(fast, 20);
        world.advance(GULP_MS);
      }
      expect(gulpsSoFar()).toBe(TRIAL_MS / GULP_MS);
    }
  });

  it("that sends something now and then, and nothing between, is read from as things come", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    for (let count = 0; count < 4; count += 1) {
      world.advance(50);
      tick(fast, 2);
    }
    log = [];
    for (let count = 0; count < 100; count += 1) {
      world.advance(50);
      tick(fast, 2);
    }
    expect(log.filter((line) => line === "a unread")).toEqual([]);
  });

  it("that pauses has not waited for answers: it is a stream again as soon as it sends like one", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    world.advance(50);
    tick(fast, 4);
    log = [];
    stream(fast, 4, UNTIL_STREAM_MS);
    expect(log).toContain("a unread");
  });

  it("that sends a burst and no more is not held up by it later", () => {
    const once = sender();
    tick(once, 200);
    world.advance(60_000);
    log = [];
    tick(once, 1);
    expect(log).toEqual([]);
  });

  it("is not left unread while ends of ticks are long: they gather what comes by themselves", () => {
    const fast = sender();
    stream(fast, 4, UNTIL_STREAM_MS);
    log = [];
    stream(fast, 4, 100, LONG_END_MS);
    expect(log.filter((line) => line === "a unread")).toEqual([]);
  });
});

it("Gulps of several senders end together", () => {
  const senders = [sender("a"), sender("b")];
  for (let passed = 0; passed < UNTIL_STREAM_MS; passed += 1) {
    for (const each of senders) for (let count = 0; count < 4; count += 1) gulps.published(each);
    gulps.endTick(SHORT_END_MS);
    world.advance(1);
  }
  world.advance(GULP_MS);
  log = [];
  for (const each of senders) gulps.published(each);
  gulps.endTick(SHORT_END_MS);
  world.advance(GULP_MS);
  expect(log).toEqual(["a unread", "b unread", "a read", "b read"]);
});

it("Closing reads on from everybody at once, and leaves no timer", () => {
  const fast = sender();
  stream(fast, 4, UNTIL_STREAM_MS);
  tick(fast, 4);
  log = [];
  gulps.close();
  expect(log.every((line) => line === "a read")).toBe(true);
  log = [];
  world.advance(10);
  expect(log).toEqual([]);
});
