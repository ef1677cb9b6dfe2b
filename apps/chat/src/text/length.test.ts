import { describe, expect, it } from "vitest";
import { lengthProblem, TEXT_BYTES_MAX, wireBytes } from "./length.ts";

describe("lengthProblem", () => {
  it("is none for what the server takes, in any script", () => {
    expect(lengthProblem("x".repeat(57_000))).toBeNull();
    expect(lengthProblem("鐘".repeat(19_000))).toBeNull();
  });

  it("says how much is too much, counting bytes of the wire", () => {
    expect(lengthProblem("x".repeat(100_000))).toContain("too long");
    expect(lengthProblem("\u0001".repeat(20_000))).toContain("too long");
    expect(wireBytes("\u0001")).toBe(8);
    expect(TEXT_BYTES_MAX).toBeLessThan(65_536);
  });
});
