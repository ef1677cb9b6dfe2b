import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Person, RoomEntry } from "../src/chat-contract.ts";
import { RoomDirectory, roomOf, type RoomDirectoryHost } from "../src/room-directory.ts";

const ada = { user: "1", name: "Ada" };
const lin = { user: "2", name: "Lin" };

class FakeHost implements RoomDirectoryHost {
  readonly here = new Map<string, readonly Person[]>();
  readonly entries = new Map<string, RoomEntry>();
  sets = 0;

  channels(): string[] {
    return ["rooms", "typing:lobby", ...[...this.here.keys()].map((room) => `chat:${room}`)];
  }

  async people(room: string): Promise<readonly Person[]> {
    return this.here.get(room) ?? [];
  }

  async rooms(): Promise<ReadonlyMap<string, RoomEntry>> {
    return new Map(this.entries);
  }

  async set(room: string, entry: RoomEntry): Promise<void> {
    this.sets += 1;
    this.entries.set(room, entry);
  }

  async remove(room: string): Promise<void> {
    this.entries.delete(room);
  }
}

describe("RoomDirectory", () => {
  let host: FakeHost;
  let directory: RoomDirectory;

  beforeEach(async () => {
    vi.useFakeTimers();
    host = new FakeHost();
    directory = new RoomDirectory(host, { lobby: "Lobby" });
    await directory.open();
  });

  afterEach(() => {
    directory.close();
    vi.useRealTimers();
  });

  it("has the permanent rooms from the start, with nobody in them", () => {
    expect([...host.entries]).toEqual([["lobby", { title: "Lobby", count: 0, people: [], isKept: true }]]);
  });

  it("tells within a second who came and went, and counts several tabs of a person once", async () => {
    host.here.set("lobby", [ada, lin, ada]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(host.entries.get("lobby")).toMatchObject({ title: "Lobby", count: 2, people: [ada, lin] });
    host.here.set("lobby", [lin]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(host.entries.get("lobby")).toMatchObject({ count: 1, people: [lin] });
  });

  it("writes nothing while nothing changes", async () => {
    const before = host.sets;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(host.sets).toBe(before);
  });

  it("shows a room that is only an address while somebody is in it, and keeps one that was opened", async () => {
    host.here.set("attic", [ada]);
    await directory.create("Garden club");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(host.entries.get("attic")).toMatchObject({ title: "#attic", count: 1 });
    host.here.clear();
    await vi.advanceTimersByTimeAsync(1_000);
    expect([...host.entries.keys()]).toEqual(["lobby", "garden-club"]);
  });

  it("refuses a room that is there already, whatever way its title is written", async () => {
    expect(await directory.create("Garden club")).toBe("garden-club");
    await expect(directory.create("GARDEN  Club!")).rejects.toMatchObject({ code: "room.taken" });
    await expect(directory.create("Lobby")).rejects.toMatchObject({ code: "room.taken" });
  });

  it("takes up the rooms that stay from an earlier life of the server, with their titles", async () => {
    host.entries.set("attic", { title: "The attic", count: 3, people: [ada], isKept: true });
    const next = new RoomDirectory(host, {});
    await next.open();
    expect(host.entries.get("attic")).toEqual({ title: "The attic", count: 0, people: [], isKept: true });
    await expect(next.create("Attic")).rejects.toMatchObject({ code: "room.taken" });
    next.close();
  });

  it("does not keep a room that is only an address because the server was killed while somebody was in it", async () => {
    host.entries.set("attic", { title: "#attic", count: 1, people: [ada] });
    host.entries.set("cellar", { title: "#cellar", count: 1, people: [lin] });
    host.channels = () => ["rooms"];
    host.here.set("cellar", [lin]);
    const next = new RoomDirectory(host, {});
    await next.open();
    expect(host.entries.has("attic")).toBe(false);
    expect(host.entries.get("cellar"), "nobody follows it yet, but Lin is still there").toMatchObject({ count: 1 });
    host.here.clear();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(host.entries.has("cellar")).toBe(false);
    next.close();
  });

  it("knows which rooms are there", async () => {
    host.here.set("attic", [ada]);
    await directory.look();
    expect(["lobby", "attic", "cellar"].map((room) => directory.has(room))).toEqual([true, true, false]);
  });
});

describe("roomOf", () => {
  it("makes names for addresses of titles in any script", () => {
    expect(roomOf("Café & Bar")).toBe("cafe-bar");
    expect(roomOf("  --Hello--  ")).toBe("hello");
    expect(roomOf("鐘楼")).toMatch(/^room-[a-z0-9]+$/);
    expect(roomOf("鐘楼")).not.toBe(roomOf("庭"));
    expect(roomOf(`${"x".repeat(47)} y`)).toBe("x".repeat(47));
  });
});
