import { beforeEach, describe, expect, it } from "vitest";
import { resolveGrant, type ResolvedGrant } from "../../src/policy/grant.ts";
import { FickleChannels } from "../../src/testing/fickle-channels.ts";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel, Peer, type Message } from "./peer.ts";

const EVERYTHING = resolveGrant(true);
const NOTHING = resolveGrant(false);
const CHANNEL = "chat:a";
const PRESENCE = "@presence:chat:a";

let world: VirtualWorld;
let isAllowed: boolean;
/** How long the application needs to answer; it answers as things stood when it was asked. */
let ruleMs: number;
/** How long a message to or from the store takes. */
let storeMs: number;
let kernel: Kernel;
let peer: Peer;

beforeEach(() => {
  world = new VirtualWorld();
  isAllowed = true;
  ruleMs = 0;
  storeMs = 0;
  const authorize = (_identity: unknown, _target: unknown, done: (grant: ResolvedGrant) => void): void => {
    const grant = isAllowed ? EVERYTHING : NOTHING;
    if (ruleMs === 0) done(grant);
    else world.after(ruleMs, () => done(grant));
  };
  kernel = openKernel(world, {
    hooks: { authorize },
    openChannels: (context) => new FickleChannels(context, { delayMs: () => storeMs }),
  });
  peer = new Peer(kernel, world);
  peer.connect({ ticket: kernel.ticket("ada") });
});

function takePermission(): void {
  isAllowed = false;
  kernel.node.backplane.control.send({ type: "unsubscribe", user: "ada", channel: CHANNEL, reason: "gone" });
}

/** What the peer is told of each channel's end. */
function ended(messages: readonly Message[]): unknown[] {
  return messages.flatMap((message) => (message["push"] === "unsubscribed" ? [message["channel"]] : []));
}

describe("A permission that is taken away", () => {
  it("is not got around by a subscribe that waits for the application's answer", () => {
    ruleMs = 100;
    peer.send({ cmd: "subscribe", id: 2, channel: CHANNEL });
    world.advance(50);
    takePermission();
    world.advance(1_000);
    expect(peer.read()).toMatchObject([{ re: 2, error: { code: "forbidden" } }]);
    expect(kernel.node.metrics.subscriptions).toBe(0);
  });

  it("is not got around by a subscribe that waits for the store", () => {
    storeMs = 50;
    peer.send({ cmd: "subscribe", id: 2, channel: CHANNEL });
    takePermission();
    world.advance(1_000);
    expect(ended(peer.read())).toEqual([CHANNEL]);
    expect(kernel.node.metrics.subscriptions).toBe(0);
    expect(kernel.node.hub.size).toBe(0);
  });

  it("is not kept by an answer of before, once it has come", () => {
    ruleMs = 100;
    peer.send({ cmd: "publish", id: 2, channel: CHANNEL, publication: "p1", data: 1 });
    world.advance(50);
    takePermission();
    world.advance(1_000);
    peer.send({ cmd: "publish", id: 3, channel: CHANNEL, publication: "p2", data: 2 });
    world.advance(1_000);
    expect(peer.read()).toMatchObject([
      { re: 2, error: { code: "forbidden" } },
      { re: 3, error: { code: "forbidden" } },
    ]);
  });

  it("ends the sight of who is in the channel as well", () => {
    peer.send({ cmd: "subscribe", id: 2, channel: CHANNEL }, { cmd: "subscribe", id: 3, channel: PRESENCE });
    world.advance(10);
    peer.read();
    takePermission();
    world.advance(10);
    expect(ended(peer.read())).toEqual([CHANNEL, PRESENCE]);
    expect(kernel.node.metrics.subscriptions).toBe(0);
  });
});

describe("A permission that is given", () => {
  it("holds within a second of a refusal, also for what belongs to somebody else", () => {
    let amend: "own" | "any" = "own";
    const hooks = {
      authorize: (_identity: unknown, _target: unknown, done: (grant: ResolvedGrant) => void): void =>
        done(resolveGrant({ publish: true, amend })),
    };
    kernel = openKernel(world, { hooks });
    const [ada, bob] = ["ada", "bob"].map((user) => {
      const entered = new Peer(kernel, world);
      entered.connect({ ticket: kernel.ticket(user) });
      return entered;
    });
    if (ada === undefined || bob === undefined) throw new Error("Expected two peers.");
    ada.send({ cmd: "publish", id: 2, channel: CHANNEL, publication: "p1", data: 1 });
    const command = { cmd: "amend", channel: CHANNEL, publication: "p1", erased: true };
    bob.send({ ...command, id: 2, amendment: "a1" });
    expect(bob.read()).toMatchObject([{ re: 2, error: { code: "not_owner" } }]);
    amend = "any";
    world.advance(1_000);
    bob.send({ ...command, id: 3, amendment: "a2" });
    expect(bob.read().filter(({ push }) => push === undefined)).toMatchObject([{ re: 3, ok: {} }]);
  });
});
