import { beforeEach, describe, expect, it } from "vitest";
import type { ApplyResult, Failure } from "../../src/backplane/channel-store.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { Target } from "../../src/policy/target.ts";
import { HeldEntries, type ChangeEnded } from "../../src/session/held-entries.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { openKernel } from "../kernel/peer.ts";

const TTL_MS = 5_000;

let world: VirtualWorld;
let held: HeldEntries;

function open(remembers: boolean): HeldEntries {
  return new HeldEntries({
    holder: "i_1/1/s_1",
    publisher: { user: "ada", instance: "i_1" },
    limits: { ...DEFAULT_LIMITS, ownChannelsPerSession: 40 },
    ports: world,
    remembers,
    restorable: () => {},
    unrestorable: () => {},
    replaced: () => {},
  });
}

beforeEach(() => {
  world = new VirtualWorld();
  held = open(true);
});

function target(name: string, ttlMs: number = 0): Target {
  const found = openKernel(world).node.target(`@presence:chat:${name}`);
  if (found === null) throw new Error("Expected a target.");
  return { ...found, options: { ...found.options, ttlMs } };
}

const done = (version: number): ApplyResult => ({ ok: true, pos: "p", version });
const failed = (code: Failure["code"]): ApplyResult => ({ ok: false, code, message: "No." });

function setting(channel: Target, key: string = "k"): ChangeEnded {
  const ended = held.setting(channel, key, '"v"');
  if ("code" in ended) throw new Error(ended.message);
  return ended;
}

const names = (): string[] => held.targets.map(({ name }) => name);

describe.each([true, false])("What a session holds (remembered: %s)", (remembers) => {
  beforeEach(() => {
    held = open(remembers);
  });

  it("forgets a channel once nothing is held in it, and not while something is under way", () => {
    const channel = target("a");
    setting(channel, "k1")(done(1));
    const second = setting(channel, "k2");
    held.removing(channel, "k1")(done(2));
    expect(names()).toEqual([channel.name]);
    const removal = held.removing(channel, "k2");
    second(done(3));
    expect(names()).toEqual([channel.name]);
    removal(done(4));
    expect(names()).toEqual([]);
  });

  it("forgets a channel after a set that has surely changed nothing, and keeps one of which it can't be known", () => {
    for (const code of ["conflict", "not_owner", "too_large", "replaced"] as const) {
      setting(target("a"))(failed(code));
      expect(names()).toEqual([]);
    }
    const channel = target("b");
    setting(channel)(failed("timeout"));
    setting(channel)(done(1));
    held.removing(channel, "k")(done(2));
    expect(names()).toEqual([channel.name]);
  });

  it("keeps what was set before when another set of it fails, unless it belongs to somebody else by now", () => {
    const channel = target("a");
    setting(channel)(done(1));
    setting(channel)(failed("conflict"));
    expect(names()).toEqual([channel.name]);
    setting(channel)(failed("not_owner"));
    expect(names()).toEqual([]);
  });

  it("has room for as many channels as it may hold at a time, however many there were, and refuses more", () => {
    for (let round = 0; round < 100; round++) {
      const channel = target(String(round));
      setting(channel)(done(round + 1));
      held.removing(channel, "k")(done(round + 1));
    }
    for (let count = 0; count < 40; count++) setting(target(`at-once-${count}`))(done(count + 1));
    expect(held.setting(target("more"), "k", "1")).toMatchObject({ ok: false, code: "too_large" });
    held.removing(target("at-once-7"), "k")(done(41));
    setting(target("more"))(done(42));
    expect(names()).toHaveLength(40);
  });

  it("forgets what has ended by its time when room is needed", () => {
    for (let round = 0; round < 5; round++) {
      for (let count = 0; count < 40; count++) setting(target(`${round}-${count}`, TTL_MS))(done(count + 1));
      expect(held.setting(target("more", TTL_MS), "k", "1")).toMatchObject({ code: "too_large" });
      world.advance(TTL_MS);
    }
    setting(target("more", TTL_MS))(done(1));
    expect(names().length).toBeLessThan(10);
  });
});
