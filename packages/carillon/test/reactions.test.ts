import { CarillonError } from "@carillon/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import type { Reaction, ReactInput } from "../src/chat-contract.ts";
import { Reactions, type ReactionsHost, type StoredReactions } from "../src/reactions.ts";

/** A store that lets everybody wait a moment, so that others can come in between. */
class FakeHost implements ReactionsHost {
  readonly stored = new Map<string, StoredReactions>();
  readonly pauses: number[] = [];
  /** Another server is always first. */
  isBusy = false;
  #version = 0;

  async entries(): Promise<ReadonlyMap<string, StoredReactions>> {
    return new Map(this.stored);
  }

  async set(_room: string, message: string, value: readonly Reaction[], version: number): Promise<void> {
    this.#check(message, version);
    this.#version += 1;
    this.stored.set(message, { value, version: this.#version, at: this.#version });
  }

  async remove(_room: string, message: string, version: number): Promise<void> {
    this.#check(message, version);
    this.stored.delete(message);
  }

  random(): number {
    return 0.5;
  }

  async pause(ms: number): Promise<void> {
    this.pauses.push(ms);
  }

  #check(message: string, version: number): void {
    if (this.isBusy || (this.stored.get(message)?.version ?? 0) !== version)
      throw new CarillonError("conflict", "Another version.");
  }
}

describe("Reactions", () => {
  let host: FakeHost;
  let reactions: Reactions;

  beforeEach(() => {
    host = new FakeHost();
    reactions = new Reactions(host);
  });

  const given = (message: string, emoji: string, isGiven = true): ReactInput => ({
    room: "lobby",
    message,
    emoji,
    isGiven,
    name: "N",
  });
  const people = (message: string): string[] =>
    (host.stored.get(message)?.value ?? []).map(
      (reaction) => `${reaction.emoji} ${reaction.people.map(({ user }) => user).join(",")}`,
    );

  it("gives and takes back, and doing it twice changes nothing", async () => {
    await reactions.react("ada", given("m", "👍"));
    await reactions.react("ada", given("m", "👍"));
    await reactions.react("lin", given("m", "👍"));
    await reactions.react("lin", given("m", "🎉"));
    expect(people("m")).toEqual(["👍 ada,lin", "🎉 lin"]);
    await reactions.react("lin", given("m", "🎉", false));
    await reactions.react("lin", given("m", "🎉", false));
    expect(people("m")).toEqual(["👍 ada,lin"]);
    await reactions.react("ada", given("m", "👍", false));
    await reactions.react("lin", given("m", "👍", false));
    expect(host.stored.has("m")).toBe(false);
  });

  it("loses none of those who react at once", async () => {
    await Promise.all(Array.from({ length: 50 }, (_, index) => reactions.react(`u${index}`, given("m", "👍"))));
    expect(host.stored.get("m")?.value[0]?.people).toHaveLength(50);
  });

  it("loses none of those who react at once on several servers", async () => {
    const servers = Array.from({ length: 5 }, () => new Reactions(host));
    const givers = Array.from({ length: 50 }, (_, index) => index);
    await Promise.all(givers.map((index) => servers[index % 5]!.react(`u${index}`, given("m", "👍"))));
    expect(new Set(host.stored.get("m")?.value[0]?.people.map(({ user }) => user)).size).toBe(50);
    await Promise.all(givers.map((index) => servers[index % 5]!.react(`u${index}`, given("m", "👍", false))));
    expect(host.stored.has("m")).toBe(false);
  });

  it("waits longer and longer, up to a bound, when other servers are first, and gives up in the end", async () => {
    host.isBusy = true;
    await expect(reactions.react("ada", given("m", "👍"))).rejects.toMatchObject({ code: "conflict" });
    expect(host.pauses).toEqual([5, 10, 20, 40, 80, ...Array.from({ length: 14 }, () => 100)]);
    host.isBusy = false;
    await reactions.react("ada", given("m", "👍"));
    expect(people("m")).toEqual(["👍 ada"]);
    expect(host.pauses).toHaveLength(19);
  });

  it("bounds people, emoji and messages", async () => {
    for (let index = 0; index < 100; index += 1) await reactions.react(`u${index}`, given("m", "👍"));
    await expect(reactions.react("one-more", given("m", "👍"))).rejects.toMatchObject({ code: "reaction.full" });
    for (let index = 0; index < 19; index += 1)
      await reactions.react("ada", given("m", String.fromCodePoint(0x1f600 + index)));
    await expect(reactions.react("ada", given("m", "🎉"))).rejects.toMatchObject({ code: "reaction.full" });
    for (let index = 0; index < 1_000; index += 1) await reactions.react("ada", given(`m${index}`, "👍"));
    expect(host.stored.size).toBe(1_000);
    expect(host.stored.has("m")).toBe(false);
    expect(host.stored.has("m999")).toBe(true);
  });
});
