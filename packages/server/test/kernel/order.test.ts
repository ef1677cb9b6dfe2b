import { CarillonError } from "@carillon/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { namesIn, openKernel, Peer } from "./peer.ts";

const CHANNEL = "chat:a";

let world: VirtualWorld;
let kernel: Kernel;

beforeEach(() => {
  world = new VirtualWorld();
});

function enter(): Peer {
  const peer = new Peer(kernel, world);
  peer.connect({ ticket: kernel.ticket("ada") });
  return peer;
}

function publish(name: string, id: number): object {
  return { cmd: "publish", id, channel: CHANNEL, publication: name, data: name };
}

/** Ids in the order in which they stand in the log. */
function stored(): string[] {
  const peer = enter();
  peer.send({ cmd: "history", id: 2, channel: CHANNEL, limit: 100 });
  return namesIn(peer.read().map(({ ok }) => ok ?? {}));
}

/** What each command got: `ok` or the code of its error. */
function answers(peer: Peer): string[] {
  const replies = peer.read().filter(({ re }) => re !== undefined);
  return replies.map(({ re, ok, error }) => `${String(re)} ${ok === undefined ? (error as CarillonError).code : "ok"}`);
}

describe("Commands on a channel", () => {
  it("keep their order when a page of history is asked for behind more publishes than may be in flight", () => {
    kernel = openKernel(world, { limits: { commandsInFlight: 4 } });
    const peer = enter();
    const publishes = Array.from({ length: 9 }, (_, index) => publish(`p${index}`, index + 2));
    peer.send(...publishes, { cmd: "history", id: 20, channel: CHANNEL, limit: 9 });
    expect(stored()).toEqual(["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"]);
    expect(namesIn(peer.read().map(({ ok }) => ok ?? {}))).toHaveLength(9);
  });

  it("follow a publish that is sent again after a failure, without waiting for its result", () => {
    kernel = openKernel(world, { limits: { idempotencyEntries: 2, idempotencyWindowMs: 1_000 } });
    const peer = enter();
    peer.send(publish("a", 2), publish("b", 3), publish("c", 4), publish("d", 5));
    expect(answers(peer)).toEqual(["2 ok", "3 ok", "4 overloaded", "5 out_of_order"]);
    peer.send(publish("e", 6));
    expect(answers(peer)).toEqual(["6 out_of_order"]);
    world.advance(1_000);
    peer.send(publish("c", 7), publish("d", 8));
    expect(answers(peer)).toEqual(["7 ok", "8 ok"]);
    expect(stored()).toEqual(["a", "b", "c", "d"]);
  });

  it("are refused behind a failure also when they were taken before it was known", () => {
    kernel = openKernel(world, { limits: { commandsInFlight: 2, idempotencyEntries: 1, idempotencyWindowMs: 1_000 } });
    const peer = enter();
    // With a in flight, b is taken; a's answer makes room for c, and only then b fails. Anything may have made room for c.
    peer.send(publish("a", 2), publish("b", 3), publish("c", 4));
    expect(answers(peer).sort()).toEqual(["2 ok", "3 overloaded", "4 out_of_order"]);
  });

  it("are refused behind a publish that failed before it came to the store", () => {
    let isRuleAway = true;
    kernel = openKernel(world, {
      hooks: {
        validate: (_target, value, done) => {
          if (isRuleAway && value === "a") done(new CarillonError("timeout", "The schema took too long."));
          else done(JSON.stringify(value));
        },
      },
    });
    const peer = enter();
    peer.send(publish("a", 2), publish("b", 3));
    expect(answers(peer)).toEqual(["2 timeout", "3 out_of_order"]);
    isRuleAway = false;
    peer.send(publish("a", 4), publish("b", 5));
    expect(answers(peer)).toEqual(["4 ok", "5 ok"]);
    expect(stored()).toEqual(["a", "b"]);
  });

  it("flow again when their sender has read of the failure, and has not come back for it", () => {
    kernel = openKernel(world, { limits: { idempotencyEntries: 1, idempotencyWindowMs: 1_000 } });
    const peer = enter();
    // A pong that nothing asked for shows nothing.
    peer.send({ cmd: "pong" }, publish("a", 2), publish("b", 3));
    world.advance(10_000);
    peer.send(publish("c", 4));
    // The heartbeat stands behind the failure; who answers it has read both.
    expect(peer.read().map(({ push, re }) => push ?? re)).toEqual([2, 3, "heartbeat", 4]);
    peer.send({ cmd: "pong" }, publish("c", 5));
    world.advance(10_000);
    peer.send({ cmd: "pong" }, publish("c", 6));
    expect(answers(peer)).toEqual(["5 out_of_order", "6 ok"]);
  });

  it("are held back also when their sender has sent more pongs than it was asked for", () => {
    kernel = openKernel(world, { limits: { idempotencyEntries: 1, idempotencyWindowMs: 1_000 } });
    const peer = enter();
    peer.send({ cmd: "pong" }, { cmd: "pong" }, publish("a", 2), publish("b", 3));
    world.advance(10_000);
    // The heartbeat behind the failure was not answered.
    peer.send(publish("c", 4));
    world.advance(10_000);
    peer.send(publish("c", 5));
    expect(answers(peer).slice(2)).toEqual(["4 out_of_order", "5 out_of_order"]);
  });

  it("are held back behind a failure for as long as its sender has not read of it", () => {
    kernel = openKernel(world, { limits: { idempotencyEntries: 1, idempotencyWindowMs: 1_000 } });
    const peer = enter();
    peer.send({ cmd: "pong" }, publish("a", 2), publish("b", 3));
    for (let second = 0; second < 12; second++) {
      world.advance(1_000);
      peer.send(publish(`c${second}`, 4 + second));
    }
    expect(
      answers(peer)
        .slice(2)
        .every((answer) => answer.endsWith("out_of_order")),
    ).toBe(true);
    expect(stored()).toEqual(["a"]);
  });
});

describe("A log", () => {
  it("lets nobody amend a publication that is over its age, whether or not somebody has looked since", () => {
    kernel = openKernel(world);
    const peer = enter();
    const channel = "brief:a";
    peer.send({ cmd: "publish", id: 2, channel, publication: "a", data: 1 });
    world.advance(999);
    peer.send({ cmd: "amend", id: 3, channel, publication: "a", amendment: "x", data: 2 });
    expect(answers(peer)).toEqual(["2 ok", "3 ok"]);
    world.advance(1_001);
    peer.send({ cmd: "amend", id: 4, channel, publication: "a", amendment: "y", data: 3 });
    expect(answers(peer)).toEqual(["4 unknown_publication"]);
  });
});
