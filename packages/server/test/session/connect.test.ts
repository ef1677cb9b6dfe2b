import { expect, it } from "vitest";
import { connectResult } from "../../src/session/connect.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel } from "../kernel/peer.ts";

it("the reply to connect tells the store's time, not that of a node whose clock is wrong", () => {
  const world = new VirtualWorld();
  const kernel = openKernel(world);
  const now = world.wallMs();
  world.shiftWall(7_200_000);
  const receipt = { previousKey: null, nextKey: "k", value: "" };
  const admitted = { user: { id: "ada" }, instance: "i_1", resume: "r_1", lifetimeMs: null, now, receipt };
  expect(connectResult("s_1", admitted, kernel.node)).toMatchObject({ time: now });
});
