import { describe, expect, it } from "vitest";
import { inlinePieces, isEmojiOnly } from "./inline.ts";

describe("inlinePieces", () => {
  it("finds links and mentions, and no mention inside a link", () => {
    const mentions = [{ user: "1", name: "Ada" }];
    expect(inlinePieces("@Ada https://a.example/@Ada", mentions)).toEqual([
      { kind: "mention", text: "@Ada", user: "1" },
      { kind: "text", text: " " },
      { kind: "link", text: "https://a.example/@Ada", href: "https://a.example/@Ada" },
    ]);
  });

  it("bounds the pieces and loses nothing", () => {
    const text = "https://a.example ".repeat(2_000);
    const pieces = inlinePieces(text, []);
    expect(pieces.length).toBeLessThanOrEqual(501);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  });
});

describe("isEmojiOnly", () => {
  it("knows emoji of every make", () => {
    for (const text of ["👍", "👍🏽 🎉", "👩‍👩‍👧", "🇩🇪", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]) expect(isEmojiOnly(text), text).toBe(true);
  });

  it("is false for words, digits, nothing, and a crowd", () => {
    for (const text of ["ok 👍", "12", "#", "", "   ", "👍".repeat(7)]) expect(isEmojiOnly(text), text).toBe(false);
  });
});
