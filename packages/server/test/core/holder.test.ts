import { describe, expect, it } from "vitest";
import { formatHolder, isLaterSession } from "../../src/core/holder.ts";

describe("Of two sessions", () => {
  it("of one instance, the one with the higher term is the later, by number and not by text", () => {
    const [second, third, tenth] = [2, 3, 10].map((term) => formatHolder("i_1", term, `s_${term}`));
    if (second === undefined || third === undefined || tenth === undefined) throw new Error("Expected three.");
    expect(isLaterSession(third, second)).toBe(true);
    expect(isLaterSession(second, third)).toBe(false);
    expect(isLaterSession(tenth, third)).toBe(true);
    expect(isLaterSession(third, third)).toBe(false);
  });

  it("none is the later if they are of different instances, of one term, nobody, or in no known form", () => {
    const held = formatHolder("i_1", 2, "s_1");
    for (const other of [
      formatHolder("i_2", 1, "s_1"),
      formatHolder("i_1", 2, "s_2"),
      null,
      "",
      "s_1",
      "i_1/x/s_1",
      "i_1/1",
    ]) {
      expect(isLaterSession(held, other)).toBe(false);
      expect(isLaterSession(other, held)).toBe(false);
    }
  });
});
