import { describe, expect, it } from "vitest";
import { matchMentions, mentionQuery, mentionsIn, splitMentions } from "./mentions.ts";

const ada = { user: "1", name: "Ada" };
const adaLovelace = { user: "2", name: "Ada Lovelace" };
const zoe = { user: "3", name: "Zoë" };

describe("mentionQuery", () => {
  it("finds the mention that the caret stands in", () => {
    expect(mentionQuery("Hi @Ad", 6)).toEqual({ start: 3, text: "Ad" });
    expect(mentionQuery("@", 1)).toEqual({ start: 0, text: "" });
    expect(mentionQuery("@Ada Lo there", 7)).toEqual({ start: 0, text: "Ada Lo" });
  });

  it("is none in an address, behind a space, on another line, and far behind", () => {
    expect(mentionQuery("ada@example", 11)).toBeNull();
    expect(mentionQuery("@ Ada", 5)).toBeNull();
    expect(mentionQuery("@Ada\nhello", 10)).toBeNull();
    expect(mentionQuery("@Ada and then we went home", 26)).toBeNull();
  });
});

describe("matchMentions", () => {
  it("finds names by their beginnings, without regard to case and accents", () => {
    expect(matchMentions([zoe, adaLovelace, ada], "zoe")).toEqual([zoe]);
    expect(matchMentions([adaLovelace, zoe], "LOVE")).toEqual([adaLovelace]);
  });

  it("offers everybody for nothing, within bounds", () => {
    expect(matchMentions([ada, adaLovelace, zoe], "", 2)).toHaveLength(2);
  });
});

describe("mentionsIn", () => {
  it("keeps those who still stand in the text, each once", () => {
    expect(mentionsIn("@Ada and @Ada", [ada, ada, zoe])).toEqual([ada]);
    expect(mentionsIn("@Adam", [ada])).toEqual([]);
  });
});

describe("splitMentions", () => {
  it("takes the longest name, and words alone", () => {
    expect(splitMentions("@Ada Lovelace, @Ada! @Adam", [ada, adaLovelace])).toEqual([
      { kind: "mention", text: "@Ada Lovelace", user: "2" },
      { kind: "text", text: ", " },
      { kind: "mention", text: "@Ada", user: "1" },
      { kind: "text", text: "! @Adam" },
    ]);
  });

  it("is plain text without mentions, whatever is called __proto__", () => {
    expect(splitMentions("@__proto__", [])).toEqual([{ kind: "text", text: "@__proto__" }]);
    expect(splitMentions("@__proto__", [{ user: "__proto__", name: "__proto__" }])).toEqual([
      { kind: "mention", text: "@__proto__", user: "__proto__" },
    ]);
  });
});
