import { beforeEach, describe, expect, it } from "vitest";
import type { ApplyRequest } from "../../src/backplane/channel-store.ts";
import { State } from "../../src/backplane/state.ts";
import { NO_FAULTS } from "../../src/core/faults.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { restoring, told } from "./records.ts";

const EVERYTHING = { items: 1_000, bytes: 1_000_000 };
const ADA = { user: "ada", instance: "i_ada" };
const BOB = { user: "bob", instance: "i_bob" };

type Change = ApplyRequest["change"];

let world: VirtualWorld;
let state: State;

beforeEach(() => {
  world = new VirtualWorld();
  state = new State(world, NO_FAULTS, { entries: 4, journal: 6 });
});

function set(key: string, data: string, fields: Partial<Extract<Change, { op: "set" }>> = {}): Change {
  return { op: "set", key, data, expect: null, owner: null, holder: null, ownOnly: false, ...fields };
}

function own(key: string, data: string, owner = ADA, holder = "s1"): Change {
  return set(key, data, { owner, holder, ownOnly: true });
}

function remove(key: string, fields: Partial<Extract<Change, { op: "remove" }>> = {}): Change {
  return { op: "remove", key, expect: null, holder: null, onlyBy: null, ...fields };
}

/** What the change came to: its version and the keys that changed, or the code of the refusal. */
function apply(change: Change, ttlMs = 0): { version: number; changed: string[] } | string {
  const result = state.apply(change, ttlMs);
  if (!result.ok) return result.version === undefined ? result.code : `${result.code} ${result.version}`;
  return { version: result.version, changed: told(result.records) };
}

function entries(): string[] {
  return told(state.snapshot().records);
}

describe("A state", () => {
  it("keeps the latest value of each key, in the order of their versions", () => {
    apply(set("a", "1"));
    apply(set("b", "2"));
    expect(apply(set("a", "3"))).toEqual({ version: 3, changed: ["a@3=3"] });
    expect(entries()).toEqual(["b@2=2", "a@3=3"]);
    expect(state.size).toBe(2);
  });

  it("compares before it sets and removes, and tells the version that is there", () => {
    expect(apply(set("a", "1", { expect: 1 }))).toBe("conflict 0");
    expect(apply(set("a", "1", { expect: 0 }))).toEqual({ version: 1, changed: ["a@1=1"] });
    expect(apply(set("a", "2", { expect: 0 }))).toBe("conflict 1");
    expect(apply(remove("a", { expect: 2 }))).toBe("conflict 1");
    expect(apply(remove("a", { expect: 1 }))).toEqual({ version: 2, changed: ["a@2=removed"] });
    expect(apply(remove("b", { expect: 0 }))).toEqual({ version: 2, changed: [] });
  });

  it("lets nobody set or remove what another instance owns", () => {
    apply(own("a", "1"));
    expect(apply(own("a", "2", BOB, "s2"))).toBe("not_owner");
    expect(apply(remove("a", { onlyBy: BOB.instance }))).toBe("not_owner");
    expect(apply(set("a", "2"))).toEqual({ version: 2, changed: ["a@2=2"] });
    expect(apply(own("a", "3"))).toBe("not_owner");
    expect(apply(remove("a"))).toEqual({ version: 3, changed: ["a@3=removed"] });
  });

  it("takes a set to the same value by the owner for a refresh, not for a change", () => {
    apply(own("a", "1"), 1_000);
    const { top } = state;
    world.advance(600);
    expect(apply(own("a", "1"), 1_000)).toEqual({ version: 1, changed: [] });
    expect(state.top).toBe(top);
    world.advance(600);
    expect(state.expire()).toMatchObject({ records: [] });
    world.advance(400);
    expect(state.expire()).toMatchObject({ version: 2 });
  });

  it("counts the same value as a change where nobody owns the entry", () => {
    apply(set("a", "1"));
    expect(apply(set("a", "1"))).toEqual({ version: 2, changed: ["a@2=1"] });
  });

  it("ends entries when their time is over, oldest first, whatever happens to the wall clock", () => {
    apply(set("a", "1"), 1_000);
    world.advance(400);
    apply(set("b", "2"), 1_000);
    apply(set("a", "3"), 1_000);
    expect(state.nextEndMs).toBe(1_400);
    world.shiftWall(3_600_000);
    expect(state.expire()).toMatchObject({ records: [] });
    world.shiftWall(-7_200_000);
    world.advance(1_000);
    const ended = state.expire();
    expect(ended.ok && told(ended.records)).toEqual(["b@4=removed", "a@5=removed"]);
    expect(state.nextEndMs).toBeNull();
  });

  it("ends with a session what its instance owns and no later session has taken over", () => {
    apply(own("a", "1"));
    apply(own("b", "2"));
    apply(own("c", "3", BOB, "s1"));
    apply(own("a", "1", ADA, "s2"));
    expect(apply({ op: "release", instance: ADA.instance, holder: "s1" })).toEqual({
      version: 4,
      changed: ["b@4=removed"],
    });
    expect(entries()).toEqual(["a@1=1", "c@3=3"]);
  });

  it("takes no more entries than it may have, and still changes those it has", () => {
    for (const key of ["a", "b", "c", "d"]) apply(set(key, "1"));
    expect(apply(set("e", "1"))).toBe("too_large");
    expect(apply(set("d", "2"))).toEqual({ version: 5, changed: ["d@5=2"] });
    apply(remove("a"));
    expect(apply(set("e", "1"))).toMatchObject({ version: 7 });
  });

  it("gives who was away the latest value of each key that changed, and the removals", () => {
    apply(set("a", "1"));
    apply(set("b", "1"));
    const { top } = state;
    apply(set("a", "2"));
    apply(remove("b"));
    apply(set("a", "3"));
    const page = state.read(top, EVERYTHING);
    expect(told(page.records)).toEqual(["b@4=removed", "a@5=3"]);
    expect(page).toMatchObject({ prev: top, pos: state.top, atTop: true, gap: null });
    expect(state.read(state.top, EVERYTHING)).toMatchObject({ records: [], atTop: true, gap: null });
  });

  it("gives no removal of a key that came back", () => {
    apply(set("a", "1"));
    const { top } = state;
    apply(remove("a"));
    apply(set("a", "2"));
    expect(told(state.read(top, EVERYTHING).records)).toEqual(["a@3=2"]);
  });

  it("gives changes in pages that link to each other", () => {
    const { top } = state;
    for (const key of ["a", "b", "a", "c", "d"]) apply(set(key, "1"));
    const first = state.read(top, { items: 2, bytes: 1_000 });
    expect(told(first.records)).toEqual(["b@2=1", "a@3=1"]);
    expect(first.atTop).toBe(false);
    const second = state.read(first.pos, { items: 2, bytes: 1_000 });
    expect(told(second.records)).toEqual(["c@4=1", "d@5=1"]);
    expect(second).toMatchObject({ pos: state.top, atTop: true });
    expect(told(state.read(top, { items: 9, bytes: 1 }).records)).toEqual(["b@2=1"]);
  });

  it("sends who was away for longer than it remembers to a snapshot", () => {
    const { top } = state;
    apply(set("a", "1"));
    const afterA = state.top;
    for (let version = 2; version <= 7; version++) apply(set("b", String(version)));
    expect(state.read(top, EVERYTHING)).toMatchObject({ records: [], gap: "trimmed" });
    expect(told(state.read(afterA, EVERYTHING).records)).toEqual(["b@7=7"]);
    expect(entries()).toEqual(["a@1=1", "b@7=7"]);
  });

  it("does not believe a position of a life that was rolled back (P5)", () => {
    apply(set("a", "1"));
    const ahead = state.top;
    const restored = new State(restoring(world, ahead), NO_FAULTS, { entries: 4, journal: 6 });
    restored.apply(set("b", "1"), 0);
    restored.apply(set("b", "2"), 0);
    expect(restored.read(ahead, EVERYTHING).gap).not.toBeNull();
    expect(restored.read("nonsense", EVERYTHING).gap).not.toBeNull();
  });
});
