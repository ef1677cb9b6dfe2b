import { beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import { FickleChannels, type Fate } from "../../src/testing/fickle-channels.ts";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel, Peer } from "./peer.ts";

const PRESENCE = "@presence:chat:a";

let world: VirtualWorld;
let kernel: Kernel;

beforeEach(() => {
  world = new VirtualWorld();
  kernel = openKernel(world);
});

function enter(credential: { ticket: string } | { resume: string }): { peer: Peer; resume: string } {
  const peer = new Peer(kernel, world);
  const { resume } = peer.connect(credential);
  return { peer, resume: String(resume) };
}

/** How many members the channel has. */
function members(): number {
  let count = -1;
  const target = kernel.node.target(PRESENCE);
  if (target === null) return count;
  kernel.node.backplane.channels.snapshot(
    PRESENCE,
    target.options,
    (answer) => (count = answer.ok ? answer.value.records.length : -1),
  );
  return count;
}

const ENTER = { cmd: "set", id: 2, channel: PRESENCE, data: { name: "Ada" } };

describe("What an instance owns", () => {
  it("ends at once when it leaves cleanly", () => {
    const { peer } = enter({ ticket: kernel.ticket("ada") });
    peer.send(ENTER);
    expect(members()).toBe(1);
    peer.connection.leave();
    peer.connection.deliver();
    world.settle();
    expect(members()).toBe(0);
  });

  it("stays for the grace when it is cut, and no longer", () => {
    const { peer } = enter({ ticket: kernel.ticket("ada") });
    peer.send(ENTER);
    peer.connection.cut();
    world.advance(DEFAULT_LIMITS.graceMs - 1);
    expect(members()).toBe(1);
    world.advance(1);
    expect(members()).toBe(0);
    expect(kernel.node.metrics.graces).toBe(0);
  });

  it("stays when it comes back within the grace and sets it again, without a change that others would see", () => {
    const { peer, resume } = enter({ ticket: kernel.ticket("ada") });
    peer.send(ENTER);
    peer.connection.cut();
    world.advance(1_000);
    const watcher = enter({ ticket: kernel.ticket("bob") }).peer;
    watcher.send({ cmd: "subscribe", id: 2, channel: PRESENCE });
    watcher.read();
    const back = enter({ resume }).peer;
    back.send(ENTER);
    for (let second = 0; second < 9; second++) world.advance(1_000);
    expect(members()).toBe(1);
    expect(watcher.read().filter(({ push }) => push === "items")).toEqual([]);
  });

  it("ends at once when it comes back after a cut and leaves cleanly before it has set anything again", () => {
    const { peer, resume } = enter({ ticket: kernel.ticket("ada") });
    peer.send(ENTER);
    peer.connection.cut();
    const back = enter({ resume }).peer;
    back.connection.leave();
    back.connection.deliver();
    world.settle();
    expect(members()).toBe(0);
    expect(kernel.node.metrics.graces).toBe(0);
  });

  it("ends as soon as the store can be reached again when it can't be at the end of the grace", () => {
    let fate: Fate = "kept";
    kernel = openKernel(world, {
      openChannels: (context) => new FickleChannels(context, { delayMs: null, fate: () => fate }),
    });
    const { peer } = enter({ ticket: kernel.ticket("ada") });
    peer.send(ENTER);
    peer.connection.cut();
    fate = "refused";
    world.advance(DEFAULT_LIMITS.graceMs + 30_000);
    expect(kernel.node.metrics.graces).toBe(1);
    fate = "kept";
    expect(members()).toBe(1);
    world.advance(1_000);
    expect(members()).toBe(0);
    expect(kernel.node.metrics.graces).toBe(0);
  });
});
