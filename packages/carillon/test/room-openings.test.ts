import { beforeEach, describe, expect, test } from "vitest";
import { RoomOpenings } from "../src/room-openings.ts";

let openings: RoomOpenings;
let nowMs: number;
let listed: Set<string>;
let spoken: Set<string>;

beforeEach(() => {
  nowMs = 0;
  listed = new Set(["lobby"]);
  spoken = new Set(["old-times"]);
  openings = new RoomOpenings({
    isListed: (room) => listed.has(room),
    hasHistory: async (room) => spoken.has(room),
    monotonicMs: () => nowMs,
  });
});

/** How many of many new rooms a guest may open. */
async function opened(guest: string, count: number): Promise<number> {
  let open = 0;
  for (let index = 0; index < count; index += 1) {
    open += await openings.enter(guest, `${guest}-${index}`).then(
      () => 1,
      () => 0,
    );
  }
  return open;
}

describe("opening rooms", () => {
  test("is bounded for one guest, with an error that says when the next may be opened, and comes back with time", async () => {
    expect(await opened("ada", 60)).toBe(50);
    const refused = openings.enter("ada", "one-more");
    await expect(refused).rejects.toMatchObject({ code: "room.limit", retry: false, retryAfterMs: 60_000 });
    await expect(refused).rejects.toThrow(
      "You have opened many rooms in a short time. Go into a room that is there already, or open another in 60 s.",
    );
    expect(await opened("bob", 1), "another guest is not in the way").toBe(1);
    nowMs += 60_000;
    await openings.enter("ada", "one-more");
    await expect(openings.enter("ada", "and-another")).rejects.toMatchObject({ code: "room.limit" });
  });

  test("is bounded for all guests together: a new guest costs nothing", async () => {
    let open = 0;
    for (let guest = 0; guest < 30; guest += 1) open += await opened(`guest-${guest}`, 50);
    expect(open).toBe(1_000);
    await expect(openings.enter("somebody", "one-more")).rejects.toThrow("Many rooms were opened in a short time.");
    nowMs += 1_000;
    expect(await opened("somebody", 10)).toBe(2);
  });

  test("is not what somebody does who enters a room that is there: listed, spoken in, or opened before", async () => {
    await openings.enter("ada", "quiet");
    expect(await opened("ada", 60)).toBe(49);
    for (const room of ["lobby", "old-times", "quiet", "ada-0"]) await openings.enter("ada", room);
  });

  test("counts rooms with a title as well", async () => {
    for (let index = 0; index < 50; index += 1) openings.open("ada");
    expect(() => openings.open("ada")).toThrow(expect.objectContaining({ code: "room.limit" }));
  });
});
