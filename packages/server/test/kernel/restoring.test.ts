import { beforeEach, describe, expect, it } from "vitest";
import type { BackplaneContext } from "../../src/backplane/backplane.ts";
import type { ApplyRequest, ChannelStore, Failure, Snapshot } from "../../src/backplane/channel-store.ts";
import { MemoryChannels } from "../../src/backplane/memory-channels.ts";
import { formatHolder } from "../../src/core/holder.ts";
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
      else if (this.refuses !== null && request.change.op === "set" && request.change.restores !== undefined)
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

/** What others do to the entries of a channel. */
function inStore(change: ApplyRequest["change"], channel: string = ROOM): void {
  const target = kernel.node.target(channel);
  if (target === null) throw new Error("Expected a target.");
  MemoryChannels.prototype.apply.call(store, [{ channel, options: target.options, change, done: () => {} }]);
}

/** What other nodes do to the entries of one that they take for dead. */
function reap(channel: string, instance: string, holder: string): void {
  inStore({ op: "release", instance, holder, isReaping: true }, channel);
}

/** An instance enters by another session. */
function setBy(instance: string, holder: string): Extract<ApplyRequest["change"], { op: "set" }> {
  const owner = { user: "ada", instance };
  return { op: "set", key: instance, data: '"elsewhere"', expect: null, owner, holder, ownOnly: true };
}

beforeEach(() => {
  world = new VirtualWorld();
  kernel = openKernel(world, {
    openChannels: (context: BackplaneContext) => (store = new SharedStore(context)),
    limits: { ownEntriesPerSession: 4, ownEntryChars: 200 },
  });
});

/** A peer with what its session is to stores. */
function enter(user: string): { readonly peer: Peer; readonly instance: string; readonly holder: string } {
  const peer = new Peer(kernel, world);
  const { instance, session } = peer.connect({ ticket: kernel.ticket(user) });
  return { peer, instance: String(instance), holder: formatHolder(String(instance), 1, String(session)) };
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
    const { peer, instance, holder } = enter("ada");
    peer.send(set(2, "old"));
    peer.send(set(4, "new"));
    reap(ROOM, instance, holder);
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
    expect(store.applied.filter((change) => change.op === "set" && change.restores !== undefined)).toHaveLength(3);
  });

  it("sets nothing of a session that has ended, nor what its client has removed", () => {
    const { peer, instance, holder } = enter("ada");
    const { peer: other, instance: left, holder: ended } = enter("bob");
    peer.send(set(2, "here"));
    other.send(set(2, "here"));
    peer.send({ cmd: "remove", id: 3, channel: ROOM });
    other.connection.cut();
    world.settle();
    reap(ROOM, instance, holder);
    reap(ROOM, left, ended);
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([]);
  });

  it("leaves alone what another session of the instance holds, and lets the client say how things are", () => {
    const { peer, instance } = enter("ada");
    peer.send(set(2, "here"));
    peer.read();
    // A later session, or an earlier one to which a store that went back has given it again.
    inStore({ ...setBy(instance, "s_2"), data: '"here"' });
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([`${instance}="here"`]);
    expect(peer.read()).toEqual([{ closed: 4006 }]);
    inStore({ op: "release", instance, holder: "s_2" });
    expect(entries()).toEqual([]);
  });

  it("leaves alone what somebody has removed, and what belongs to another instance by now", () => {
    const { peer, instance } = enter("ada");
    peer.send(set(2, "here"));
    inStore({ op: "remove", key: instance, expect: null, holder: null, onlyBy: null });
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([]);
    peer.send(set(3, "here"));
    inStore({ ...setBy("i_2", "s_2"), key: instance, ownOnly: false });
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([`${instance}="elsewhere"`]);
    expect(peer.read().some(({ closed }) => closed !== undefined)).toBe(false);
  });

  it("sets again what was ended before it was set, in a store that went back to that", () => {
    const { peer, instance } = enter("ada");
    peer.send(set(2, "old"));
    peer.send({ cmd: "remove", id: 3, channel: ROOM });
    peer.send(set(4, "new"));
    const target = kernel.node.target(ROOM);
    if (target === null) throw new Error("Expected a target.");
    // What it went back to: an earlier entry of the instance, and its end.
    store.remove(ROOM, target.options, () => {});
    inStore(setBy(instance, "s_1"));
    inStore({ op: "remove", key: instance, expect: null, holder: null, onlyBy: null });
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([`${instance}="new"`]);
    // Now somebody has ended what was set again.
    inStore({ op: "remove", key: instance, expect: null, holder: null, onlyBy: null });
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries()).toEqual([]);
  });

  it("leaves what another session holds to a change that is under way", () => {
    const { peer, instance } = enter("ada");
    peer.send(set(2, "here"));
    peer.read();
    inStore(setBy(instance, "s_2"));
    kernel.node.ownershipLost(null);
    store.held = [];
    const { held } = store;
    world.settle();
    peer.send(set(3, "anew"));
    store.held = null;
    for (const answer of held) answer();
    world.advance(1_000);
    expect(peer.read().some(({ closed }) => closed !== undefined)).toBe(false);
    expect(entries()).toEqual([`${instance}="anew"`]);
  });

  it("tries again while the store is away", () => {
    const { peer, instance, holder } = enter("ada");
    peer.send(set(2, "here"));
    reap(ROOM, instance, holder);
    store.isAway = true;
    kernel.node.ownershipLost(null);
    world.advance(3_000);
    expect(entries()).toEqual([]);
    store.isAway = false;
    world.advance(1_000);
    expect(entries()).toEqual([`${instance}="here"`]);
  });

  it("waits for a change that is under way, and then sets what that came to", () => {
    const { peer, instance, holder } = enter("ada");
    peer.send(set(2, "old"));
    store.held = [];
    const { held } = store;
    peer.send(set(3, "new"));
    reap(ROOM, instance, holder);
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
      const { peer, instance, holder } = enter("ada");
      peer.send(set(2, "here"));
      peer.read();
      reap(ROOM, instance, holder);
      store.refuses = code;
      kernel.node.ownershipLost(null);
      world.settle();
      store.refuses = null;
      expect([code, peer.read().some((message) => message["closed"] === 4006)]).toEqual([code, closed]);
      peer.connection.cut();
    }
  });

  it("ends a session that comes to own more than is remembered before what it has lost was set again", () => {
    const { peer, instance, holder } = enter("ada");
    peer.send(set(2, "here"));
    peer.read();
    reap(ROOM, instance, holder);
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
