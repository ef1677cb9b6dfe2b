import { describe, expect, it } from "vitest";
import { EMOJI_GROUPS, searchEmoji } from "./emoji-list.ts";

describe("the emoji of the picker", () => {
  it("are each one emoji that the server takes, and each there once", () => {
    const all = EMOJI_GROUPS.flatMap((group) => group.emoji.map((emoji) => emoji.text));
    const one = new RegExp(String.raw`^\p{RGI_Emoji}$`, "v");
    expect(all.filter((emoji) => !one.test(emoji))).toEqual([]);
    expect(new Set(all).size).toBe(all.length);
  });

  it("are found by their names", () => {
    expect(searchEmoji("thumbs up")[0]?.text).toBe("👍");
    expect(searchEmoji("BELL")[0]?.text).toBe("🔔");
    expect(searchEmoji("no such thing")).toEqual([]);
  });
});
