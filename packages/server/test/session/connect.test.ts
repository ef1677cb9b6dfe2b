import type { ConnectResult } from "@carillon/protocol";
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
  const admitted = { user: { id: "ada" }, instance: "i_1", term: 1, resume: "r_1", lifetimeMs: null, now, receipt };
  expect(JSON.parse(connectResult("s_1", admitted, kernel.node))).toMatchObject({ time: now });
});

it.each([null, 60_000])(
  "the reply to connect has every field that the protocol names, with a lifetime of %s",
  (lifetimeMs) => {
    const kernel = openKernel(new VirtualWorld());
    const receipt = { previousKey: null, nextKey: "k", value: "" };
    const user = { id: 'a "quoted" \\ id' };
    const admitted = { user, instance: "i_1", term: 1, resume: "r_1", lifetimeMs, now: 12, receipt };
    const { limits, idempotencyEpoch } = kernel.node;
    const expected: ConnectResult = {
      session: "s_1",
      instance: "i_1",
      user: user.id,
      resume: "r_1",
      features: [],
      limits: { messageBytes: limits.messageBytes, channels: limits.channelsPerSession, historyPage: limits.pageItems },
      idempotency: { windowMs: limits.idempotencyWindowMs, epoch: idempotencyEpoch },
      time: 12,
      heartbeatMs: limits.heartbeatMs,
      ...(lifetimeMs === null ? {} : { lifetimeMs }),
    };
    expect(JSON.parse(connectResult("s_1", admitted, kernel.node))).toEqual(expected);
  },
);
