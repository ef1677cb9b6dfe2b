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

  it("that is idle can be that of another channel, and knows nothing of the first", () => {
    const lane = new Lane("chat:lobby", { sent: 1, answered: 2 });
    lane.run((release) => release());
    lane.hold("p");
    expect(lane.isHeldFor("q", 9_900)).toBe(true);
    expect(lane.isHeldFor("p", 9_900)).toBe(false);
    lane.reuse("chat:tower");
    expect(lane.channel).toBe("chat:tower");
    expect(lane.isHeldFor("q", 9_900)).toBe(false);
    const ran: string[] = [];
    lane.run(() => ran.push("a"));
    lane.run(() => ran.push("b"));
    expect(ran).toEqual(["a"]);
  });

  it("ends the hold for a sender who has read of the failure and goes on with others for ten seconds", () => {
    const beats = { sent: 3, answered: 3 };
    const lane = new Lane("chat:lobby", beats);
    lane.hold("p");
    beats.sent = 4;
    expect(lane.isHeldFor("q", 60_000)).toBe(true);
    beats.answered = 4;
    expect(lane.isHeldFor("q", 60_000)).toBe(true);
    expect(lane.isHeldFor("q", 69_000)).toBe(true);
    expect(lane.isHeldFor("q", 70_000)).toBe(false);
  });

  it("does not end a hold between publishes that were sent together, so that none overtakes one that was refused", () => {
    const lane = new Lane("chat:lobby", { sent: 1, answered: 2 });
    lane.hold("p");
    expect(lane.isHeldFor("q", 0)).toBe(true);
    expect(lane.isHeldFor("q", 9_999)).toBe(true);
    expect(lane.isHeldFor("r", 10_000)).toBe(true);
    expect(lane.isHeldFor("s", 10_999)).toBe(true);
    expect(lane.isHeldFor("q", 11_999)).toBe(false);
    expect(lane.isHeldFor("r", 11_999)).toBe(false);
    expect(lane.isIdle).toBe(true);
  });

  it("holds a sender without pauses back for thirty seconds at most", () => {
    const lane = new Lane("chat:lobby", { sent: 1, answered: 2 });
    lane.hold("p");
    for (let atMs = 0; atMs < 30_000; atMs += 500) expect(lane.isHeldFor(`q${atMs}`, atMs)).toBe(true);
    expect(lane.isHeldFor("r", 30_000)).toBe(false);
  });

  it("lets the one that failed come late, and holds for nobody once it has come", () => {
    const lane = new Lane("chat:lobby", { sent: 1, answered: 2 });
    lane.hold("p");
    expect(lane.isHeldFor("q", 0)).toBe(true);
    expect(lane.isHeldFor("p", 60_000)).toBe(false);
    expect(lane.isHeldFor("q", 60_000)).toBe(false);
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
