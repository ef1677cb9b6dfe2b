import { describe, expect, it } from "vitest";
import { Lane } from "../../src/session/lane.ts";

/** A session whose heartbeats nobody has answered. */
const NO_BEATS = { sent: 1, answered: 0 };

describe("A lane", () => {
  it("runs tasks one after the other, each when the one before is done", () => {
    const lane = new Lane("chat:lobby", NO_BEATS);
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
    const lane = new Lane("chat:lobby", NO_BEATS);
    lane.hold("p");
    expect(lane.isIdle).toBe(false);
    expect(lane.isHeldFor("q", 1_000_000)).toBe(true);
    expect(lane.isHeldFor("p", 1_000_000)).toBe(false);
    expect(lane.isHeldFor("q", 1_000_000)).toBe(false);
    expect(lane.isIdle).toBe(true);
  });

  it("ends the hold for a sender who has read of the failure and goes on with others for ten seconds", () => {
    const beats = { sent: 3, answered: 3 };
    const lane = new Lane("chat:lobby", beats);
    lane.hold("p");
    beats.sent = 4;
    expect(lane.isHeldFor("q", 60_000)).toBe(true);
    beats.answered = 4;
    expect(lane.isHeldFor("q", 60_000)).toBe(true);
    expect(lane.isHeldFor("q", 69_999)).toBe(true);
    expect(lane.isHeldFor("q", 70_000)).toBe(false);
  });

  it("that no longer holds for one that was given up lets nothing overtake the first that was refused for its sake", () => {
    const beats = { sent: 1, answered: 0 };
    const lane = new Lane("chat:lobby", beats);
    lane.hold("p");
    beats.answered = 2;
    expect(lane.isHeldFor("q", 0)).toBe(true);
    expect(lane.isHeldFor("r", 9_999)).toBe(true);
    expect(lane.isHeldFor("s", 10_000)).toBe(true);
    expect(lane.isHeldFor("q", 10_001)).toBe(false);
    expect(lane.isHeldFor("r", 10_002)).toBe(false);
    expect(lane.isHeldFor("s", 10_003)).toBe(false);
    expect(lane.isIdle).toBe(true);
  });

  it("holds for one that was refused no longer than for one that failed, whatever else is refused meanwhile", () => {
    const beats = { sent: 1, answered: 2 };
    const lane = new Lane("chat:lobby", beats);
    lane.hold("p");
    expect(lane.isHeldFor("q", 0)).toBe(true);
    expect(lane.isHeldFor("r", 10_000)).toBe(true);
    expect(lane.isHeldFor("s", 10_001)).toBe(true);
    expect(lane.isHeldFor("t", 20_000)).toBe(true);
    expect(lane.isHeldFor("u", 20_001)).toBe(false);
    expect(lane.isIdle).toBe(true);
  });

  it("holds others back for the first that failed, not for those that were refused for its sake", () => {
    const lane = new Lane("chat:lobby", NO_BEATS);
    lane.hold("p");
    lane.hold("q");
    expect(lane.isHeldFor("q", 0)).toBe(true);
    expect(lane.isHeldFor("p", 0)).toBe(false);
    expect(lane.isHeldFor("q", 0)).toBe(false);
  });
});
