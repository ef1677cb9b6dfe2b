import { describe, expect, it } from "vitest";
import { Lane } from "../../src/session/lane.ts";

describe("A lane", () => {
  it("runs tasks one after the other, each when the one before is done", () => {
    const lane = new Lane();
    const ran: string[] = [];
    const releases: (() => void)[] = [];
    for (const name of ["a", "b", "c"]) {
      lane.run((release) => {
        ran.push(name);
        releases.push(release);
      });
    }
    expect(ran).toEqual(["a"]);
    expect(lane.isIdle).toBe(false);
    releases[0]?.();
    releases[0]?.();
    expect(ran).toEqual(["a", "b"]);
    releases[1]?.();
    releases[2]?.();
    expect(ran).toEqual(["a", "b", "c"]);
    expect(lane.isIdle).toBe(true);
  });

  it("holds others back for a publish that failed, until it is sent again", () => {
    const lane = new Lane();
    lane.hold("p", 100);
    expect(lane.isIdle).toBe(false);
    expect(lane.isHeldFor("q", 0)).toBe(true);
    expect(lane.isHeldFor("p", 0)).toBe(false);
    expect(lane.isHeldFor("q", 0)).toBe(false);
    expect(lane.isIdle).toBe(true);
  });

  it("holds others back for the first that failed, not for those that were refused for its sake", () => {
    const lane = new Lane();
    lane.hold("p", 100);
    lane.hold("q", 900);
    expect(lane.isHeldFor("q", 50)).toBe(true);
    expect(lane.isHeldFor("q", 100)).toBe(false);
  });
});
