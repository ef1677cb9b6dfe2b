import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flatText } from "../../src/core/flat-text.ts";
import { SmallMap } from "../../src/core/small-map.ts";

describe("A small map", () => {
  it("holds what a Map would hold, whatever is set and deleted", () => {
    const key = fc.constantFrom("a", "b", "c", "__proto__");
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ op: fc.constant("set" as const), key, value: fc.nat() }) },
      { weight: 4, arbitrary: fc.record({ op: fc.constant("delete" as const), key }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant("clear" as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const small = new SmallMap<number>();
        const map = new Map<string, number>();
        for (const one of steps) {
          if (one.op === "set") {
            small.set(one.key, one.value);
            map.set(one.key, one.value);
          } else if (one.op === "delete") {
            small.delete(one.key);
            map.delete(one.key);
          } else {
            small.clear();
            map.clear();
          }
          expect(new Map(small.entries())).toEqual(map);
          expect([small.size, small.values().length]).toEqual([map.size, map.size]);
          for (const name of ["a", "b", "__proto__"])
            expect([small.get(name), small.has(name)]).toEqual([map.get(name), map.has(name)]);
        }
      }),
    );
  });
});

describe("Flat text", () => {
  it("is the same text", () => {
    for (const text of ["", "a", "i_abc", "\ud83d\ude00 é \ud800", JSON.stringify({ user: "ada" })])
      expect(flatText(text)).toBe(text);
  });
});
