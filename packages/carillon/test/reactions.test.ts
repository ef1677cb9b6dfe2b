import { beforeEach, describe, expect, it } from "vitest";
import type { Reaction, ReactInput } from "../src/chat-contract.ts";
import { Reactions, type ReactionsHost } from "../src/reactions.ts";

class FakeHost implements ReactionsHost {
  readonly stored = new Map<string, { readonly value: readonly Reaction[]; readonly at: number }>();
  #at = 0;

  async entries(): Promise<ReadonlyMap<string, { readonly value: readonly Reaction[]; readonly at: number }>> {
    return new Map(this.stored);
  }

  async set(_room: string, message: string, value: readonly Reaction[]): Promise<void> {
    this.#at += 1;
    this.stored.set(message, { value, at: this.#at });
  }

  async remove(_room: string, message: string): Promise<void> {
    this.stored.delete(message);
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
