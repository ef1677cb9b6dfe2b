import fc from "fast-check";
import { expect, test } from "vitest";
import { IdTable, type IdPlace } from "../src/id-table.ts";

interface Known extends IdPlace {
  readonly high: number;
  readonly low: number;
}

test("finds what a list would find, whatever collides, and forgets the oldest first", () => {
  // Few hashes, so that many are the same and many more want the same cell.
  const hash = fc.integer({ min: -3, max: 40 });
  const add = fc.record({ high: hash, low: hash, times: fc.integer({ min: 1, max: 300 }) });
  const forget = fc.record({ count: fc.integer({ min: 1, max: 700 }) });
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ arbitrary: add, weight: 3 }, { arbitrary: forget, weight: 1 }), { maxLength: 60 }),
      (steps) => {
        const table = new IdTable();
        let known: Known[] = [];
        let commit = 0;
        for (const step of steps) {
          if ("count" in step) {
            table.removeOldest(step.count);
            known = known.slice(step.count);
          } else {
            for (let index = 0; index < step.times; index++) {
              const one = { high: step.high + (index % 5), low: step.low * (index % 3), commit, index };
              table.add(one.high, one.low, one);
              known.push(one);
            }
            commit++;
          }
          expect(table.size).toBe(known.length);
        }
        for (let high = -3; high < 46; high++) {
          for (const low of [-6, -3, 0, 1, 7, 40, 80]) {
            const found = table.find(high, low).map((place) => `${place.commit}/${place.index}`);
            const wanted = known.filter((one) => one.high === high && one.low === low);
            expect(found.sort()).toEqual(wanted.map((one) => `${one.commit}/${one.index}`).sort());
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});
