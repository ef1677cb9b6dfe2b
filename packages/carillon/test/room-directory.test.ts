import { CarillonError } from "@carillon/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Person, RoomEntry } from "../src/chat-contract.ts";
import { RoomDirectory, roomOf, type RoomDirectoryHost, type StoredRoom } from "../src/room-directory.ts";

const ada = { user: "1", name: "Ada" };
const lin = { user: "2", name: "Lin" };

/** What all servers have stored. */
class FakeStore {
  readonly here = new Map<string, readonly Person[]>();
  readonly versions = new Map<string, number>();
  readonly entries = new Map<string, RoomEntry>();
  sets = 0;
}

class FakeHost implements RoomDirectoryHost {
  readonly store: FakeStore;

  constructor(store: FakeStore = new FakeStore()) {
    this.store = store;
  }

  get here(): Map<string, readonly Person[]> {
    return this.store.here;
  }

  get entries(): Map<string, RoomEntry> {
    return this.store.entries;
  }

  channels(): string[] {
    return ["rooms", "typing:lobby", ...[...this.here.keys()].map((room) => `chat:${room}`)];
  }

  async people(room: string): Promise<readonly Person[]> {
    return this.here.get(room) ?? [];
  }

  async rooms(): Promise<ReadonlyMap<string, StoredRoom>> {
    return new Map([...this.entries].map(([room, value]) => [room, { value, version: this.#version(room) }]));
  }

  async set(room: string, entry: RoomEntry, version: number): Promise<number> {
    this.#check(room, version);
    this.store.sets += 1;
    this.store.versions.set(room, this.store.sets);
    this.entries.set(room, entry);
    return this.store.sets;
  }

  async remove(room: string, version: number): Promise<void> {
    this.#check(room, version);
    this.entries.delete(room);
  }

  #version(room: string): number {
    return this.store.versions.get(room) ?? 0;
  }

  #check(room: string, version: number): void {
    if ((this.entries.has(room) ? this.#version(room) : 0) !== version) throw new CarillonError("conflict", "Another.");
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
    const before = host.store.sets;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(host.store.sets).toBe(before);
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
    await vi.advanceTimersByTimeAsync(5_000);
    expect(host.entries.has("cellar")).toBe(false);
    next.close();
  });

  it("is one for all servers: people of each are counted, what one has opened is taken on the others", async () => {
    const other = new FakeHost(host.store);
    other.channels = () => ["chat:attic"];
    host.channels = () => ["chat:lobby"];
    const next = new RoomDirectory(other, { lobby: "Lobby" });
    await next.open();
    host.here.set("lobby", [ada]).set("attic", [lin]);
    await next.create("Garden club");
    await expect(directory.create("Garden Club"), "not even looked at yet").rejects.toMatchObject({
      code: "room.taken",
    });
    await vi.advanceTimersByTimeAsync(2_000);
    expect([...host.entries.keys()].toSorted()).toEqual(["attic", "garden-club", "lobby"]);
    expect(host.entries.get("lobby")).toMatchObject({ count: 1, people: [ada] });
    expect([directory.has("attic"), next.has("attic")]).toEqual([true, true]);
    host.here.clear();
    other.channels = () => [];
    await vi.advanceTimersByTimeAsync(1_000);
    expect([...host.entries.keys()].toSorted()).toEqual(["garden-club", "lobby"]);
    next.close();
  });

  it("is right whichever server was late: what was written meanwhile is not written over", async () => {
    const slow = new FakeHost(host.store);
    const next = new RoomDirectory(slow, { lobby: "Lobby" });
    await next.open();
    host.here.set("lobby", [ada]);
    let answer: (people: readonly Person[]) => void = () => {};
    slow.people = () => new Promise((resolve) => (answer = resolve));
    const look = next.look();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(host.entries.get("lobby")).toMatchObject({ count: 1 });
    answer([]);
    await look;
    expect(host.entries.get("lobby")).toMatchObject({ count: 1 });
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
