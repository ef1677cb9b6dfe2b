import { describe, expect, it } from "vitest";
import { displayName, displayText, excerptOf } from "./display-text.ts";

describe("displayText", () => {
  it("takes out what turns text around, and keeps the harmless marks", () => {
    expect(displayText("invoice\u202Egpj.exe")).toBe("invoicegpj.exe");
    expect(displayText("a\u2066b\u2069c\u202Ad\u202Ce")).toBe("abcde");
    expect(displayText("שלום\u200F!")).toBe("שלום\u200F!");
  });

  it("shows control characters as their pictures and keeps tabs and line feeds", () => {
    expect(displayText("a\u0000b\u0007c\u001Bd\u007Fe")).toBe("a␀b␇c␛d␡e");
    expect(displayText("a\tb\nc")).toBe("a\tb\nc");
  });

  it("makes every kind of line break a line feed", () => {
    expect(displayText("a\r\nb\rc\u2028d\u2029e\u0085f")).toBe("a\nb\nc\nd\ne\nf");
  });

  it("drops what can't be seen and keeps emoji sequences whole", () => {
    expect(displayText("a\uFEFFb\u{E0041}c")).toBe("abc");
    expect(displayText("👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍🏽 🇩🇪 ❤️")).toBe("👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍🏽 🇩🇪 ❤️");
  });

  it("cuts towers of marks, and leaves languages alone", () => {
    expect(displayText(`e${"\u0301".repeat(40)}x`)).toBe(`e${"\u0301".repeat(6)}x`);
    expect(displayText("नमस्ते")).toBe("नमस्ते");
  });

  it("leaves markup and names of prototypes as they are", () => {
    expect(displayText('<img src=x onerror="alert(1)"> __proto__')).toBe('<img src=x onerror="alert(1)"> __proto__');
  });
});

describe("displayName", () => {
  it("is one line and never nothing", () => {
    expect(displayName(" Ada\n  Lovelace ")).toBe("Ada Lovelace");
    expect(displayName("\u202E\uFEFF")).toBe("Somebody");
  });
});

describe("excerptOf", () => {
  it("is one line and says that it was cut", () => {
    expect(excerptOf("one\ntwo")).toBe("one two");
    expect(excerptOf("👍".repeat(10), 5)).toBe("👍👍👍👍…");
    expect(excerptOf("x".repeat(100_000), 10)).toBe("xxxxxxxxx…");
  });
});
