import { describe, expect, it } from "vitest";
import { Ring } from "../../src/backplane/ring.ts";

describe("A ring", () => {
  it("gives items back in the order in which they came, however often it is filled and emptied", () => {
    const ring = new Ring<number>();
    const model: number[] = [];
    for (let step = 0; step < 5_000; step++) {
      // Longer and longer stretches of pushes and shifts, so that its space is given back at many fillings.
      if (step % 97 < 60) {
        ring.push(step);
        model.push(step);
      } else expect(ring.shift()).toBe(model.shift());
      expect(ring.length).toBe(model.length);
      expect(ring.first).toBe(model[0]);
      if (model.length > 0) expect(ring.at(model.length - 1)).toBe(model.at(-1));
    }
  });

  it("is empty when everything was taken, and stays usable", () => {
    const ring = new Ring<string>();
    expect(ring.shift()).toBeUndefined();
    ring.push("a");
    expect(ring.shift()).toBe("a");
    expect(ring.first).toBeUndefined();
    ring.push("b");
    expect(ring.at(0)).toBe("b");
  });

  it("throws beyond its ends", () => {
    const ring = new Ring<string>();
    ring.push("a");
    expect(() => ring.at(1)).toThrow(RangeError);
    expect(() => ring.at(-1)).toThrow(RangeError);
  });
});
