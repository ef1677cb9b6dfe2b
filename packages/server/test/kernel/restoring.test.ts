import { beforeEach, describe, expect, it } from "vitest";
import type { BackplaneContext } from "../../src/backplane/backplane.ts";
import type { ApplyRequest, ChannelStore, Failure, Snapshot } from "../../src/backplane/channel-store.ts";
import { MemoryChannels } from "../../src/backplane/memory-channels.ts";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel, Peer } from "./peer.ts";

const ROOM = "@presence:chat:a";

let world: VirtualWorld;
let kernel: Kernel;
let store: SharedStore;

/** The memory store, as one that others share, and that fails when it is told to. */
class SharedStore extends MemoryChannels {
  override readonly capabilities: ChannelStore["capabilities"] = { durable: true, distributed: true, entryTtl: true };
  isAway = false;
  /** It refuses what is set again, with this code. */
  refuses: Failure["code"] | null = null;
  /** Changes that wait for an answer, while answers are held back. */
  held: (() => void)[] | null = null;
  readonly applied: ApplyRequest["change"][] = [];

  override apply(batch: readonly ApplyRequest[]): void {
    for (const request of batch) {
      this.applied.push(request.change);
      if (this.isAway) request.done({ ok: false, code: "unavailable", message: "Away." });
      else if (this.refuses !== null && request.change.op === "set" && request.change.restores === true)
        request.done({ ok: false, code: this.refuses, message: "No." });
      else if (this.held === null) super.apply([request]);
      else {
        const { held } = this;
        super.apply([{ ...request, done: (result) => held.push(() => request.done(result)) }]);
      }
    }
  }
}

function entries(channel: string = ROOM): string[] {
  const target = kernel.node.target(channel);
  if (target === null) throw new Error("Expected a target.");
  const found: Snapshot[] = [];
  store.snapshot(channel, target.options, (answer) => answer.ok && found.push(answer.value));
  return found[0]?.records.map(({ key, data }) => `${key}=${String(data)}`) ?? [];
}

/** What other nodes do to the entries of one that they take for dead. */
function reap(channel: string, instance: string, holder: string): void {
  const target = kernel.node.target(channel);
  if (target === null) throw new Error("Expected a target.");
  const change = { op: "release", instance, holder, isReaping: true } as const;
  MemoryChannels.prototype.apply.call(store, [{ channel, options: target.options, change, done: () => {} }]);
}

beforeEach(() => {
  world = new VirtualWorld();
  kernel = openKernel(world, {
    openChannels: (context: BackplaneContext) => (store = new SharedStore(context)),
    limits: { ownEntriesPerSession: 4, ownEntryChars: 200 },
  });
});

/** A peer with what its session is called. */
function enter(user: string): { readonly peer: Peer; readonly instance: string; readonly session: string } {
  const peer = new Peer(kernel, world);
  const { instance, session } = peer.connect({ ticket: kernel.ticket(user) });
  return { peer, instance: String(instance), session: String(session) };
}

const set = (id: number, data: unknown, more: object = {}): object => ({
  cmd: "set",
  id,
  channel: ROOM,
  data,
  ...more,
});

describe("A node that was taken for dead", () => {
  it("sets again what its living sessions own, in its order, by the latest value", () => {
    const { peer, instance, session } = enter("ada");
    peer.send(set(2, "old"));
    peer.send(set(4, "new"));
    reap(ROOM, instance, session);
    expect(entries()).toEqual([]);
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([`${instance}="new"`]);
    expect(kernel.node.metrics.restored).toBeGreaterThan(0);
  });

  it("changes nothing when nothing was ended, however often it is told", () => {
    const { peer } = enter("ada");
    peer.send(set(2, "here"));
    const before = entries();
    for (let count = 0; count < 3; count++) {
      kernel.node.ownershipLost([ROOM]);
      world.settle();
    }
    expect(entries()).toEqual(before);
    kernel.node.ownershipLost(["@presence:chat:b"]);
    world.settle();
    expect(store.applied.filter((change) => change.op === "set" && change.restores === true)).toHaveLength(3);
  });

  it("sets nothing of a session that has ended, nor what its client has removed", () => {
    const { peer, instance, session } = enter("ada");
    const { peer: other, instance: left, session: ended } = enter("bob");
    peer.send(set(2, "here"));
    other.send(set(2, "here"));
    peer.send({ cmd: "remove", id: 3, channel: ROOM });
    other.connection.cut();
    world.settle();
    reap(ROOM, instance, session);
    reap(ROOM, left, ended);
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([]);
  });

  it("leaves alone what another session of the instance holds by now, and what somebody has removed", () => {
    const { peer, instance, session } = enter("ada");
    peer.send(set(2, "here"));
    const target = kernel.node.target(ROOM);
    if (target === null) throw new Error("Expected a target.");
    const { options } = target;
    const owner = { user: "ada", instance };
    reap(ROOM, instance, session);
    const change = {
      op: "set",
      key: instance,
      data: '"elsewhere"',
      expect: null,
      owner,
      holder: "s_2",
      ownOnly: true,
    } as const;
    MemoryChannels.prototype.apply.call(store, [{ channel: ROOM, options, change, done: () => {} }]);
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([`${instance}="elsewhere"`]);
    const removal = { op: "remove", key: instance, expect: null, onlyBy: null } as const;
    MemoryChannels.prototype.apply.call(store, [{ channel: ROOM, options, change: removal, done: () => {} }]);
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([]);
  });

  it("tries again while the store is away", () => {
    const { peer, instance, session } = enter("ada");
    peer.send(set(2, "here"));
    reap(ROOM, instance, session);
    store.isAway = true;
    kernel.node.ownershipLost(null);
    world.advance(3_000);
    expect(entries()).toEqual([]);
    store.isAway = false;
    world.advance(1_000);
    expect(entries()).toEqual([`${instance}="here"`]);
  });

  it("waits for a change that is under way, and then sets what that came to", () => {
    const { peer, instance, session } = enter("ada");
    peer.send(set(2, "old"));
    store.held = [];
    const { held } = store;
    peer.send(set(3, "new"));
    reap(ROOM, instance, session);
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([]);
    store.held = null;
    for (const answer of held) answer();
    world.settle();
    expect(entries()).toEqual([`${instance}="new"`]);
  });

  it("ends a session that owns more than is remembered, so that its client sets everything again itself", () => {
    const { peer } = enter("ada");
    for (let count = 0; count < 3; count++)
      peer.send(set(2 + count, "x".repeat(100), { channel: `@presence:chat:${count}` }));
    peer.read();
    kernel.node.ownershipLost(["@presence:chat:b"]);
    expect(peer.read()).toEqual([]);
    kernel.node.ownershipLost(null);
    world.settle();
    expect(peer.read()).toEqual([{ closed: 4006 }]);
  });

  it("ends a session whose entries the store refuses to set again, unless somebody has ended them or taken them over", () => {
    for (const [code, closed] of [
      ["too_large", true],
      ["internal", true],
      ["conflict", false],
      ["not_owner", false],
    ] as const) {
      const { peer, instance, session } = enter("ada");
      peer.send(set(2, "here"));
      peer.read();
      reap(ROOM, instance, session);
      store.refuses = code;
      kernel.node.ownershipLost(null);
      world.settle();
      store.refuses = null;
      expect([code, peer.read().some((message) => message["closed"] === 4006)]).toEqual([code, closed]);
      peer.connection.cut();
    }
  });

  it("ends a session that comes to own more than is remembered before what it has lost was set again", () => {
    const { peer, instance, session } = enter("ada");
    peer.send(set(2, "here"));
    peer.read();
    reap(ROOM, instance, session);
    store.isAway = true;
    kernel.node.ownershipLost(null);
    world.settle();
    store.isAway = false;
    for (let count = 0; count < 3; count++)
      peer.send(set(3 + count, "x".repeat(100), { channel: `@presence:chat:${count}` }));
    world.advance(1_000);
    expect(entries().length > 0 || peer.read().some(({ closed }) => closed === 4006)).toBe(true);
  });
});

describe("A node that missed messages of others", () => {
  it("ends every session with a code after which it comes back, before anything more goes out to it", () => {
    const { peer } = enter("ada");
    peer.send({ cmd: "subscribe", id: 2, channel: "chat:a" });
    peer.read();
    kernel.node.onControl({ type: "missed" });
    world.settle();
    expect(peer.read()).toEqual([{ closed: 4007 }]);
    expect(kernel.node.metrics.sessions).toBe(0);
  });
});
