import { beforeEach, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { namesIn, openKernel, Peer } from "./peer.ts";

let world: VirtualWorld;
let kernel: Kernel;

beforeEach(() => {
  world = new VirtualWorld();
  kernel = openKernel(world);
});

function enter(user: string): Peer {
  const peer = new Peer(kernel, world);
  peer.connect({ ticket: kernel.ticket(user) });
  return peer;
}

function enterMany(count: number): Peer[] {
  return Array.from({ length: count }, (_, index) => enter(`u${index}`));
}

describe("A node that missed messages of others", () => {
  it("ends every session with a code after which it comes back, before anything more goes out to it", () => {
    const peer = enter("ada");
    peer.send({ cmd: "subscribe", id: 2, channel: "chat:a" });
    peer.read();
    kernel.node.onControl({ type: "missed" });
    world.advance(1);
    expect(peer.read()).toEqual([{ closed: 4007 }]);
    expect(kernel.node.metrics.sessions).toBe(0);
  });

  it("tells them one after the other, so that they do not come back at once, and serves none of them meanwhile", () => {
    const peers = enterMany(1_000);
    for (const peer of peers) peer.send({ cmd: "subscribe", id: 2, channel: "chat:a" });
    for (const peer of peers) peer.read();
    kernel.node.onControl({ type: "missed" });
    expect(kernel.node.metrics.sessions).toBe(0);
    const witness = enter("witness");
    peers.at(-1)?.send({ cmd: "publish", id: 3, channel: "chat:a", publication: "unheard", data: 1 });
    witness.send({ cmd: "publish", id: 2, channel: "chat:a", publication: "heard", data: 1 });
    const closed: number[] = [];
    for (let count = 0; count < 4; count++) {
      world.advance(100);
      const told = peers.flatMap((peer) => peer.read());
      expect(told).toEqual(told.map(() => ({ closed: 4007 })));
      closed.push(told.length);
    }
    expect(closed.reduce((sum, count) => sum + count, 0)).toBe(1_000);
    for (const count of closed) expect(Math.abs(count - 250)).toBeLessThan(10);
    witness.send({ cmd: "subscribe", id: 3, channel: "chat:a", history: 10 });
    expect(namesIn(witness.read())).toEqual(["heard"]);
  });

  it("has told all of them by half of the grace, however many they are, so that what they own does not flicker", () => {
    const peers = enterMany(8_000);
    for (const peer of peers) peer.read();
    kernel.node.onControl({ type: "missed" });
    world.advance(2_500);
    expect(peers.filter((peer) => peer.read().some(({ closed }) => closed === 4007))).toHaveLength(8_000);
  });

  it("has nothing left to do for one that goes by itself before it is told", () => {
    const peers = enterMany(10);
    kernel.node.onControl({ type: "missed" });
    const told = world.timers;
    peers.at(-1)?.connection.cut();
    world.settle();
    expect(world.timers).toBe(told - 1);
    world.advance(100);
    expect(kernel.node.metrics).toMatchObject({ sessions: 0, connections: 0 });
  });
});
