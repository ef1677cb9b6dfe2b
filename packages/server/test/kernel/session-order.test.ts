import { beforeEach, describe, expect, it } from "vitest";
import type { ApplyRequest, Snapshot } from "../../src/backplane/channel-store.ts";
import { formatHolder } from "../../src/core/holder.ts";
import type { Kernel } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel, Peer } from "./peer.ts";

const BOARD = "board:a";
const ROOM = "@presence:chat:a";

let world: VirtualWorld;
let kernel: Kernel;
let here: Peer;
let instance: string;
let resume: string;

beforeEach(() => {
  world = new VirtualWorld();
  kernel = openKernel(world);
  here = new Peer(kernel, world);
  const welcome = here.connect({ ticket: kernel.ticket("ada") });
  instance = String(welcome["instance"]);
  resume = String(welcome["resume"]);
});

/** What a later session of the instance asks for on another node, of which this one has not heard. */
function elsewhere(channel: string, change: { readonly key: string; readonly data: string | null }): void {
  const target = kernel.node.target(channel);
  if (target === null) throw new Error("Expected a target.");
  const { key, data } = change;
  const holder = formatHolder(instance, 2, "s_elsewhere");
  const owner = target.options.owned ? { user: "ada", instance } : null;
  const common = { key, expect: null, holder };
  const full: ApplyRequest["change"] =
    data === null
      ? { op: "remove", ...common, onlyBy: null }
      : { op: "set", ...common, data, owner, ownOnly: target.options.owned };
  kernel.node.backplane.channels.apply([{ channel, options: target.options, change: full, done: () => {} }]);
}

function entries(channel: string): string[] {
  const target = kernel.node.target(channel);
  if (target === null) throw new Error("Expected a target.");
  const found: Snapshot[] = [];
  kernel.node.backplane.channels.snapshot(channel, target.options, (answer) => answer.ok && found.push(answer.value));
  return found[0]?.records.map(({ data }) => String(data)) ?? [];
}

const set = (id: number, data: string): object => ({ cmd: "set", id, channel: BOARD, key: "k", data });
const replaced = (re: number): object => ({
  re,
  error: expect.objectContaining({ code: "replaced", retry: true }) as unknown,
});

describe("A session that a later one of its instance has overtaken", () => {
  it("sets and removes nothing that the later one has changed, is told so, and ends", () => {
    for (const command of [set(3, "late"), { cmd: "remove", id: 3, channel: BOARD, key: "k" }]) {
      const peer = new Peer(kernel, world);
      instance = String(peer.connect({ ticket: kernel.ticket("ada") })["instance"]);
      peer.send(set(2, "first"));
      peer.read();
      elsewhere(BOARD, { key: "k", data: '"elsewhere"' });
      peer.send(command);
      expect(entries(BOARD)).toEqual(['"elsewhere"']);
      expect(peer.read()).toEqual([replaced(3), { closed: 4004 }]);
    }
  });

  it("does not set again what the later one has removed", () => {
    here.send(set(2, "first"));
    here.read();
    elsewhere(BOARD, { key: "k", data: null });
    here.send(set(3, "late"));
    expect(entries(BOARD)).toEqual([]);
    expect(here.read()).toEqual([replaced(3), { closed: 4004 }]);
  });

  it("takes no entry with it when it ends that the later one holds", () => {
    here.send({ cmd: "set", id: 2, channel: ROOM, data: "here" });
    elsewhere(ROOM, { key: instance, data: '"here"' });
    here.connection.cut();
    world.advance(60_000);
    expect(entries(ROOM)).toEqual(['"here"']);
  });

  it("ends when the node would set again for it what the later one holds", () => {
    here.send({ cmd: "set", id: 2, channel: ROOM, data: "here" });
    here.read();
    elsewhere(ROOM, { key: instance, data: '"there"' });
    kernel.node.ownershipLost(null);
    world.settle();
    expect(entries(ROOM)).toEqual(['"there"']);
    expect(here.read()).toEqual([{ closed: 4004 }]);
  });

  it("ends when it is told of that, but not when it hears late of an earlier one", () => {
    const back = new Peer(kernel, world);
    back.connect({ resume });
    expect(here.read()).toEqual([{ closed: 4004 }]);
    const told = { type: "replace", instance, session: "s_elsewhere" } as const;
    kernel.node.onControl({ ...told, term: 1 });
    back.send(set(2, "here"));
    expect(entries(BOARD)).toEqual(['"here"']);
    back.read();
    kernel.node.onControl({ ...told, term: 3 });
    expect(back.read()).toEqual([{ closed: 4004 }]);
  });

  it("comes back as the latest, and sets what it wants", () => {
    elsewhere(BOARD, { key: "k", data: '"elsewhere"' });
    here.send(set(2, "late"));
    const back = new Peer(kernel, world);
    back.connect({ resume });
    back.send(set(2, "wanted"));
    expect(entries(BOARD)).toEqual(['"wanted"']);
  });
});
