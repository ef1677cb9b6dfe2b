import { beforeEach, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel, Peer } from "./peer.ts";

const BOARD = "board:a";

let world: VirtualWorld;
let kernel: Kernel;

beforeEach(() => {
  world = new VirtualWorld();
  kernel = openKernel(world);
});

const set = (id: number, data: string): object => ({ cmd: "set", id, channel: BOARD, key: "k", data });

function entry(): unknown {
  const target = kernel.node.target(BOARD);
  if (target === null) throw new Error("Expected a target.");
  let found: unknown = null;
  kernel.node.backplane.channels.snapshot(BOARD, target.options, (answer) => {
    found = answer.ok ? answer.value.records[0]?.data : answer;
  });
  return found;
}

describe("A server that stood still for longer than its clients wait", () => {
  it("does not act on what they had sent before they went elsewhere and went on there", () => {
    const here = new Peer(kernel, world);
    const { resume } = here.connect({ ticket: kernel.ticket("ada") });
    here.send(set(2, "first"));
    here.connection.send(JSON.stringify(set(3, "second")));
    world.standStill(15_001);
    // Sent again on another server meanwhile, with more behind it.
    const target = kernel.node.target(BOARD);
    if (target === null) throw new Error("Expected a target.");
    const change = {
      op: "set",
      key: "k",
      data: '"third"',
      expect: null,
      owner: null,
      holder: null,
      ownOnly: false,
    } as const;
    kernel.node.backplane.channels.apply([{ channel: BOARD, options: target.options, change, done: () => {} }]);
    here.connection.deliver();
    world.settle();
    expect(entry()).toBe('"third"');
    expect(here.read()).toContainEqual({ closed: 4002 });
    expect(typeof resume).toBe("string");
    expect(new Peer(kernel, world).connect({ resume: String(resume) })).toHaveProperty("session");
  });

  it("goes on where it was with those who had sent nothing that came too late", () => {
    const peer = new Peer(kernel, world);
    peer.connect({ ticket: kernel.ticket("ada") });
    world.standStill(15_000);
    peer.send(set(2, "in time"));
    expect(entry()).toBe('"in time"');
  });
});
