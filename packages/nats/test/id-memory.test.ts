import { describe, expect, test } from "vitest";
import { idKey, IdMemory } from "../src/id-memory.ts";

const remembered = (id: string, at: number) => ({ scope: "s", fingerprint: "f", id, pos: `pos of ${id} at ${at}`, at });

describe("the ids that a node remembers", () => {
  test("an id is known until its window is over, and can then stand for something else", () => {
    const memory = new IdMemory({ windowMs: 100, entries: 10 });
    const ids = memory.open();
    memory.remember(ids, remembered("p1", 1_000));
    expect(memory.find(ids, idKey("s", "p1"), 1_099)?.at).toBe(1_000);
    expect(memory.find(ids, idKey("s", "p1"), 1_100)).toBeNull();
    memory.remember(ids, remembered("p1", 1_200));
    expect(memory.find(ids, idKey("s", "p1"), 1_250)?.at).toBe(1_200);
    // The same again, as when a log is read anew, changes nothing.
    memory.remember(ids, remembered("p1", 1_000));
    expect(memory.find(ids, idKey("s", "p1"), 1_250)?.at).toBe(1_200);
  });

  test("what is about to be stored counts, and channels that are let go of make room", () => {
    const memory = new IdMemory({ windowMs: 100, entries: 3 });
    const [one, other] = [memory.open(), memory.open()];
    memory.remember(one, remembered("p1", 1_000));
    expect([memory.reserve(1_010), memory.reserve(1_010), memory.reserve(1_010)]).toEqual([true, true, false]);
    memory.release(2);
    memory.remember(other, remembered("p2", 1_000));
    memory.remember(other, remembered("p3", 1_000));
    expect(memory.reserve(1_010)).toBe(false);
    memory.close(one);
    expect(memory.reserve(1_010)).toBe(true);
    memory.release(1);
    expect(memory.reserve(1_200)).toBe(true);
  });
});
