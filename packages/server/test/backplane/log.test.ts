import { beforeEach, describe, expect, it } from "vitest";
import { Log } from "../../src/backplane/log.ts";
import { NO_FAULTS } from "../../src/core/faults.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { amendment, LOG, publication, restoring, told } from "./records.ts";

const EVERYTHING = { items: 1_000, bytes: 1_000_000 };

let world: VirtualWorld;
let log: Log;

beforeEach(() => {
  world = new VirtualWorld();
  log = new Log(world, NO_FAULTS);
});

/** Publishes and returns the positions: before the first, and after each. */
function publish(ids: readonly string[], options = LOG): string[] {
  return [log.top, ...ids.map((id) => log.append(publication(id, { at: world.wallMs() }), options))];
}

function read(after: string, options = LOG, bounds = EVERYTHING): ReturnType<Log["read"]> {
  return log.read(after, options, bounds);
}

describe("A log", () => {
  it("gives from each position exactly what came after it", () => {
    const [start = "", afterA = "", afterB = "", afterC = ""] = publish(["a", "b", "c"]);
    expect(told(read(start).records)).toEqual(['a="a"', 'b="b"', 'c="c"']);
    expect(told(read(afterB).records)).toEqual(['c="c"']);
    expect(read(afterA)).toMatchObject({ prev: afterA, pos: afterC, atTop: true, gap: null });
    expect(read(afterC)).toMatchObject({ prev: afterC, pos: afterC, records: [], atTop: true, gap: null });
  });

  it("gives pages that link to each other, bounded by items and by bytes, with one item at least", () => {
    const [start = "", , afterB = ""] = publish(["a", "b", "c"]);
    const first = read(start, LOG, { items: 2, bytes: 1_000 });
    expect(first).toMatchObject({ pos: afterB, atTop: false });
    expect(told(read(first.pos, LOG, { items: 2, bytes: 1_000 }).records)).toEqual(['c="c"']);
    expect(told(read(start, LOG, { items: 9, bytes: 7 }).records)).toEqual(['a="a"', 'b="b"']);
    expect(told(read(start, LOG, { items: 9, bytes: 1 }).records)).toEqual(['a="a"']);
  });

  it("lets go of what is over its size, and says that from a position before that something is missing", () => {
    const options = { ...LOG, historySize: 2 };
    const [start = "", afterA = "", afterB = ""] = publish(["a", "b", "c"], options);
    expect(read(start, options)).toMatchObject({ prev: afterA, gap: "trimmed" });
    expect(told(read(start, options).records)).toEqual(['b="b"', 'c="c"']);
    expect(read(afterA, options).gap).toBeNull();
    expect(read(afterB, options).gap).toBeNull();
    expect(log.size).toBe(2);
  });

  it("lets go of what is over its age when somebody looks", () => {
    const options = { ...LOG, historyTtlMs: 1_000 };
    const [start = ""] = publish(["a"], options);
    world.advance(600);
    publish(["b"], options);
    world.advance(600);
    expect(told(read(start, options).records)).toEqual(['b="b"']);
    world.advance(600);
    expect(read(start, options)).toMatchObject({ prev: log.top, pos: log.top, records: [], gap: "trimmed" });
  });

  it("knows its top when nothing is retained, so that nobody who stands there is told of a gap", () => {
    const options = { ...LOG, historySize: 0 };
    const [start = "", top = ""] = publish(["a"], options);
    expect(log.size).toBe(0);
    expect(read(top, options)).toMatchObject({ records: [], atTop: true, gap: null });
    expect(read(start, options)).toMatchObject({ prev: top, gap: "trimmed" });
  });

  it("replaces the payload of a publication and of its earlier amendments, and moves no position", () => {
    const [start = "", afterA = ""] = publish(["a", "b"]);
    log.append(amendment("x", "a", '"edited"', world.wallMs()), LOG);
    const afterX = log.top;
    log.append(amendment("y", "a", null, world.wallMs()), LOG);
    expect(told(read(start).records)).toEqual(["a=erased", 'b="b"', "a*x=erased", "a*y=erased"]);
    expect(read(afterA).gap).toBeNull();
    expect(told(read(afterX).records)).toEqual(["a*y=erased"]);
  });

  it("can be amended for as long as the publication or an amendment of it is retained", () => {
    const options = { ...LOG, historySize: 2 };
    publish(["a"], options);
    log.append(amendment("x", "a", '"1"', world.wallMs()), options);
    publish(["b"], options);
    expect(log.target("a")).toBeDefined();
    log.append(amendment("y", "a", '"2"', world.wallMs()), options);
    expect(told(read(log.top, options).records)).toEqual([]);
    expect(told(log.read("?", options, EVERYTHING).records)).toEqual(['b="b"', 'a*y="2"']);
    publish(["c", "d"], options);
    expect(log.target("a")).toBeUndefined();
    expect(log.target("d")).toBeDefined();
  });

  it("shows a publication whose time is over as erased, in pages and in history", () => {
    const [start = ""] = publish([]);
    log.append(publication("a", { at: world.wallMs(), expires: world.wallMs() + 1_000 }), LOG);
    expect(told(read(start).records)).toEqual(['a="a"']);
    world.advance(1_000);
    expect(told(read(start).records)).toEqual(["a=erased"]);
    expect(told(log.history(null, LOG, 9).records)).toEqual(["a=erased"]);
  });

  it("pages backwards through publications, as they are now and without the amendments", () => {
    publish(["a", "b", "c"]);
    log.append(amendment("x", "b", '"edited"', world.wallMs()), LOG);
    publish(["d"]);
    const newest = log.history(null, LOG, 2);
    expect(told(newest.records)).toEqual(['c="c"', 'd="d"']);
    expect(newest).toMatchObject({ pos: log.top, more: true });
    const older = log.history(newest.prev, LOG, 2);
    expect(told(older.records)).toEqual(['a="a"', 'b="edited"']);
    expect(older).toMatchObject({ pos: newest.prev, more: false });
    expect(log.history(older.prev, LOG, 2)).toMatchObject({ records: [], more: false });
    expect(log.history(newest.pos, LOG, 9).records).toHaveLength(4);
  });

  it("does not believe a position of another life, of its own future, or of nobody", () => {
    const [start = ""] = publish(["a"]);
    const other = new Log(world, NO_FAULTS);
    expect(read(other.top)).toMatchObject({ prev: start, gap: "epoch" });
    expect(read(log.top.replace(".1.", ".2."))).toMatchObject({ prev: start, gap: "rollback" });
    expect(read("nonsense")).toMatchObject({ prev: start, gap: "unreadable" });
    expect(told(read("nonsense").records)).toEqual(['a="a"']);
  });

  it("does not believe a position with the offset of an item that was rolled back (P5)", () => {
    publish(["a", "b", "c"]);
    const ahead = log.top;
    const restored = new Log(restoring(world, ahead), NO_FAULTS);
    restored.append(publication("a", { at: world.wallMs() }), LOG);
    for (const id of ["p", "q", "r"]) restored.append(publication(id, { at: world.wallMs() }), LOG);
    expect(restored.read(ahead, LOG, EVERYTHING).gap).toBe("rollback");
    const afterA = restored.read("?", LOG, { items: 1, bytes: 9 }).pos;
    expect(read(afterA).gap).toBeNull();
  });

  it("keeps the tag chain through an erasure, since payloads are no part of it", () => {
    const twin = new Log(restoring(world, log.top), NO_FAULTS);
    log.append(publication("a", { at: world.wallMs(), data: '"one"' }), LOG);
    twin.append(publication("a", { at: world.wallMs(), data: '"other"' }), LOG);
    expect(log.top).toBe(twin.top);
  });
});
