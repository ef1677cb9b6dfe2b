import { defineContract, log, type Schema } from "@carillon/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import type { AppendRequest } from "../../src/backplane/channel-store.ts";
import type { Kernel, KernelOptions } from "../../src/testing/kernel.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel, Peer, type Message } from "./peer.ts";

const CHANNEL = "chat:a";
const ANYTHING: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };

let world: VirtualWorld;
let kernel: Kernel;
let upgrades: number;

/** A kernel whose contract is at version 2; at version 1, data was a text. */
function open(options: Partial<KernelOptions> = {}): Kernel {
  const upgrade = (data: unknown): unknown => {
    upgrades++;
    if (data === "broken") throw new Error("No idea.");
    return { text: data };
  };
  const contract = defineContract({ channels: { "chat:{room}": log({ data: ANYTHING, version: 2, upgrade }) } });
  return openKernel(world, { contract, ...options });
}

beforeEach(() => {
  world = new VirtualWorld();
  upgrades = 0;
  kernel = open();
});

function enter(): Peer {
  const peer = new Peer(kernel, world);
  peer.connect({ ticket: kernel.ticket("ada") });
  return peer;
}

/** Appends as a node with an older contract does. */
function append(id: string, data: string, fields: Partial<AppendRequest> = {}): void {
  const target = kernel.node.target(CHANNEL);
  if (target === null) throw new Error("Expected a channel.");
  kernel.node.append({
    channel: CHANNEL,
    options: target.options,
    id,
    data: JSON.stringify(data),
    version: 1,
    idempotency: null,
    publisher: null,
    amend: null,
    tags: null,
    meta: null,
    expiresInMs: 0,
    done: () => {},
    ...fields,
  });
  world.settle();
}

/** Of each item in pushes: its data, or that it is erased, and its version. */
function items(messages: readonly Message[]): unknown[] {
  type Item = { readonly data?: unknown; readonly erased?: boolean; readonly version?: number };
  return messages.flatMap((message) =>
    ((message["items"] ?? []) as readonly Item[]).map(({ data, erased, version = 1 }) => [erased ?? data, version]),
  );
}

describe("Data of an earlier version", () => {
  it("is in its present form for everybody who catches up, and is upgraded once for all of them", () => {
    append("a", "one");
    append("b", "broken");
    const peers = [enter(), enter(), enter()];
    for (const peer of peers) peer.send({ cmd: "subscribe", id: 2, channel: CHANNEL, history: 10 });
    for (const peer of peers) {
      expect(items(peer.read())).toEqual([
        [{ text: "one" }, 2],
        [true, 1],
      ]);
    }
    expect(upgrades).toBe(2);
    expect(kernel.node.metrics.gaps).toBe(0);
  });

  it("is in its present form in history, where it was amended since too", () => {
    append("a", "one");
    append("b", "two");
    append("c", "three");
    append("x", "newer", {
      data: '{"text":"already new"}',
      version: 2,
      amend: { target: "b", onlyBy: null },
    });
    append("y", "three, corrected by an older node", { amend: { target: "c", onlyBy: null } });
    const peer = enter();
    peer.send({ cmd: "history", id: 2, channel: CHANNEL, limit: 10 });
    const [reply] = peer.read();
    expect(items([{ items: reply?.ok?.["items"] }])).toEqual([
      [{ text: "one" }, 2],
      [{ text: "already new" }, 2],
      [{ text: "three, corrected by an older node" }, 2],
    ]);
  });

  it("is in its present form for live subscribers when a node with the older contract publishes", () => {
    const peer = enter();
    peer.send({ cmd: "subscribe", id: 2, channel: CHANNEL });
    peer.read();
    append("a", "one");
    append("b", "broken");
    peer.send({ cmd: "publish", id: 3, channel: CHANNEL, publication: "c", data: { text: "three" } });
    expect(items(peer.read())).toEqual([
      [{ text: "one" }, 2],
      [true, 1],
      [{ text: "three" }, 2],
    ]);
    expect(kernel.node.metrics.lags).toBe(0);
  });

  it("keeps its place in the order where the schema takes its time", () => {
    kernel = open({
      hooks: {
        validate: (_target, value, done) => {
          world.after(100, () => done(JSON.stringify(value)));
        },
      },
    });
    const peer = enter();
    peer.send({ cmd: "subscribe", id: 2, channel: CHANNEL });
    peer.read();
    append("a", "one");
    append("b", '{"text":"two"}', { data: '{"text":"two"}', version: 2 });
    world.advance(1_000);
    expect(items(peer.read())).toEqual([
      [{ text: "one" }, 2],
      [{ text: "two" }, 2],
    ]);
    expect(kernel.node.metrics).toMatchObject({ gaps: 0, catchingUp: 0 });
  });
});
