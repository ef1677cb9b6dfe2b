import { beforeEach, describe, expect, it } from "vitest";
import { Gulps, Sender } from "../../src/session/gulps.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";

const SHORT_END_MS = 0;
const LONG_END_MS = 5;

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

describe("A sender", () => {
  it("of less than a thousand publishes a second is always read from", () => {
    const slow = sender();
    for (let count = 0; count < 1_000; count += 1) {
      tick(slow, 1);
      world.advance(2);
    }
    expect(log).toEqual([]);
  });

  it("of thousands of publishes a second is left unread for three milliseconds after a tick with some of its", () => {
    const fast = sender();
    stream(fast, 4, 16);
    expect(log[0]).toBe("a unread");
    world.advance(3);
    log = [];
    tick(fast, 12);
    world.advance(2);
    expect(log).toEqual(["a unread"]);
    world.advance(1);
    expect(log).toEqual(["a unread", "a read"]);
  });

  it("that goes on like that goes on being read from in gulps", () => {
    const fast = sender();
    stream(fast, 4, 16);
    log = [];
    for (let count = 0; count < 100; count += 1) {
      tick(fast, 12);
      world.advance(3);
    }
    expect(log.filter((line) => line === "a unread").length).toBe(100);
  });

  it("that slows down is read from as things come", () => {
    const fast = sender();
    stream(fast, 4, 16);
    for (let count = 0; count < 10; count += 1) {
      tick(fast, 1);
      world.advance(3);
    }
    log = [];
    tick(fast, 1);
    expect(log).toEqual([]);
  });

  it("that waits for its answers is let alone after a few milliseconds, for seconds", () => {
    const waiting = sender();
    stream(waiting, 4, 16);
    // It has four under way, and sends the next when they are answered, which the gulps hold up.
    for (let count = 0; count < 20; count += 1) {
      tick(waiting, 4);
      world.advance(3);
    }
    log = [];
    stream(waiting, 4, 1_900);
    expect(log).toEqual([]);
    stream(waiting, 4, 200);
    expect(log).not.toEqual([]);
  });

  it("that sends the next when it has the answer to the last is let alone after one trial", () => {
    const waiting = sender();
    stream(waiting, 8, 8);
    for (let count = 0; count < 5; count += 1) {
      tick(waiting, 1);
      world.advance(3);
    }
    log = [];
    stream(waiting, 8, 1_900);
    expect(log).toEqual([]);
  });

  it("that slackens once stays a stream", () => {
    const fast = sender();
    stream(fast, 4, 16);
    world.advance(3);
    log = [];
    for (let count = 0; count < 12; count += 1) {
      tick(fast, count < 4 ? 5 : 12);
      world.advance(3);
    }
    expect(log.filter((line) => line === "a unread").length).toBe(12);
  });

  it("that pauses has not waited for answers: it is a stream again as soon as it sends like one", () => {
    const fast = sender();
    stream(fast, 4, 16);
    world.advance(50);
    tick(fast, 4);
    log = [];
    stream(fast, 4, 17);
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
    stream(fast, 4, 16);
    log = [];
    stream(fast, 4, 100, LONG_END_MS);
    expect(log.filter((line) => line === "a unread")).toEqual([]);
  });
});

it("Gulps of several senders end together", () => {
  const senders = [sender("a"), sender("b")];
  for (let passed = 0; passed < 20; passed += 1) {
    for (const each of senders) for (let count = 0; count < 4; count += 1) gulps.published(each);
    gulps.endTick(SHORT_END_MS);
    world.advance(1);
  }
  world.advance(3);
  log = [];
  for (const each of senders) gulps.published(each);
  gulps.endTick(SHORT_END_MS);
  world.advance(3);
  expect(log).toEqual(["a unread", "b unread", "a read", "b read"]);
});

it("Closing reads on from everybody at once, and leaves no timer", () => {
  const fast = sender();
  stream(fast, 4, 16);
  tick(fast, 4);
  log = [];
  gulps.close();
  expect(log.every((line) => line === "a read")).toBe(true);
  log = [];
  world.advance(10);
  expect(log).toEqual([]);
});
