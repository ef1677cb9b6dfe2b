import { beforeEach, describe, expect, it } from "vitest";
import { FickleChannels } from "../../src/testing/fickle-channels.ts";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { namesIn, openKernel, Peer } from "./peer.ts";

const CHANNEL = "chat:a";

let world: VirtualWorld;
let kernel: Kernel;

beforeEach(() => {
  world = new VirtualWorld();
  kernel = openKernel(world);
});

function enter(options = {}): Peer {
  const peer = new Peer(kernel, world, options);
  peer.connect({ ticket: kernel.ticket("ada") });
  return peer;
}

function publish(id: string, data: unknown = id): object {
  return { cmd: "publish", id: 9, channel: CHANNEL, publication: id, data };
}

describe("Catching up", () => {
  it("goes on when a tick brought more than the outbox takes, and the network took it all at once", () => {
    kernel = openKernel(world, { limits: { outboxBytes: 1_000 } });
    const [reader, writer] = [enter(), enter()];
    reader.send({ cmd: "subscribe", id: 2, channel: CHANNEL }, { cmd: "subscribe", id: 3, channel: "chat:b" });
    reader.read();
    const long = "x".repeat(900);
    writer.send(publish("a", long), { ...publish("b", long), channel: "chat:b" });
    expect(namesIn(reader.read()).sort()).toEqual(["a", "b"]);
    expect(kernel.node.metrics).toMatchObject({ lags: 1, catchingUp: 0 });
  });

  it("reads on from a peer that was not read from while a tick brought more than its outbox takes", () => {
    kernel = openKernel(world, { limits: { outboxBytes: 1_000, pageBytes: 400 } });
    const peer = enter();
    for (let index = 0; index < 10; index++) peer.send(publish(`p${index}`, "x".repeat(300)));
    peer.read();
    const ask = { cmd: "history", channel: CHANNEL, limit: 5 };
    peer.send({ ...ask, id: 20 }, { ...ask, id: 21 }, { ...ask, id: 22 });
    expect(peer.read().map(({ re }) => re)).toEqual([20, 21, 22]);
  });

  it("does not take a page from before everybody left for the end of the log", () => {
    const [reader, writer] = [enter(), enter()];
    reader.send({ cmd: "subscribe", id: 2, channel: CHANNEL });
    const position = reader.read()[0]?.ok?.["pos"];
    // Reads the page at the top, and leaves; nobody hears of what is published then.
    reader.send({ cmd: "unsubscribe", id: 3, channel: CHANNEL });
    reader.send(
      { cmd: "subscribe", id: 4, channel: CHANNEL, history: 1 },
      { cmd: "unsubscribe", id: 5, channel: CHANNEL },
    );
    writer.send(publish("a"));
    reader.send({ cmd: "subscribe", id: 6, channel: CHANNEL, position });
    reader.send({ cmd: "unsubscribe", id: 7, channel: CHANNEL });
    writer.send(publish("b"));
    reader.read();
    reader.send({ cmd: "subscribe", id: 8, channel: CHANNEL, position });
    expect(namesIn(reader.read())).toEqual(["a", "b"]);
  });

  it("asks again when a unit went out while a late store was reading the page before it", () => {
    let delayMs = 0;
    kernel = openKernel(world, {
      openChannels: (context) => new FickleChannels(context, { delayMs: () => delayMs }),
    });
    const [first, second, writer] = [enter(), enter(), enter()];
    first.send({ cmd: "subscribe", id: 2, channel: CHANNEL });
    world.advance(10);
    const position = first.read()[0]?.ok?.["pos"];
    writer.send(publish("a"));
    world.advance(10);
    // The page goes from a to the top, and takes 5 ms; what is published meanwhile is delivered in 1.
    second.send({ cmd: "subscribe", id: 2, channel: CHANNEL, position });
    delayMs = 5;
    world.advance(1);
    delayMs = 0;
    writer.send(publish("b"));
    world.advance(50);
    expect(namesIn(second.read())).toEqual(["a", "b"]);
    expect(kernel.node.metrics.catchingUp).toBe(0);
  });

  it("begins as many publications back as asked for, with the amendments in between", () => {
    const [reader, writer] = [enter(), enter()];
    writer.send(publish("a"), publish("b"), publish("c"), publish("d"));
    writer.send({ cmd: "amend", id: 9, channel: CHANNEL, publication: "c", amendment: "x", data: "edited" });
    writer.send(publish("e"));
    reader.send({ cmd: "subscribe", id: 2, channel: CHANNEL, history: 3 });
    const [reply, pushed, live] = reader.read();
    expect(namesIn([pushed ?? {}])).toEqual(["c", "d", "x", "e"]);
    expect(reply?.ok).toMatchObject({ pos: pushed?.["prev"], live: false });
    expect(live).toMatchObject({ push: "live", pos: pushed?.["pos"] });
  });

  it("sends a snapshot in pages that keep to their bounds in bytes", () => {
    kernel = openKernel(world, { limits: { pageBytes: 1_000 } });
    const peer = enter();
    for (let index = 0; index < 10; index++) {
      peer.send({ cmd: "set", id: 2, channel: "board:a", key: `k${index}`, data: "x".repeat(300) });
    }
    peer.read();
    peer.send({ cmd: "subscribe", id: 3, channel: "board:a" });
    const pages = peer.read().filter(({ push }) => push === "items");
    expect(pages.map((page) => namesIn([page]).length)).toEqual([3, 3, 3, 1]);
    expect(pages.map(({ reset, pos }) => [reset === true, pos === null])).toEqual([
      [true, true],
      [false, true],
      [false, true],
      [false, false],
    ]);
  });

  it("tells of the gap to who comes back to a log that was rolled back under live readers", () => {
    let store: FickleChannels | null = null;
    kernel = openKernel(world, { openChannels: (context) => (store = new FickleChannels(context, { delayMs: null })) });
    const [stays, leaves, writer] = [enter(), enter(), enter()];
    for (const reader of [stays, leaves]) reader.send({ cmd: "subscribe", id: 2, channel: CHANNEL });
    writer.send(publish("a"), publish("b"));
    const position = leaves.read().at(-1)?.["pos"];
    leaves.connection.cut();
    stays.read();
    world.advance(1);
    (store as FickleChannels | null)?.rollBack(2, true);
    world.settle();
    expect(stays.read()).toMatchObject([{ push: "gap", reason: "rollback" }, { push: "live" }]);
    const back = enter();
    back.send({ cmd: "subscribe", id: 2, channel: CHANNEL, position });
    expect(back.read()).toMatchObject([
      { re: 2 },
      { push: "gap", from: position, reason: "rollback" },
      { push: "live" },
    ]);
  });
});
