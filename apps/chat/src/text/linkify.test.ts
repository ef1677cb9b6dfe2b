import { describe, expect, it } from "vitest";
import { linkify } from "./linkify.ts";

const links = (text: string): string[] => linkify(text).flatMap((piece) => (piece.kind === "link" ? [piece.text] : []));

describe("linkify", () => {
  it("finds addresses of the web and leaves the sentence around them", () => {
    expect(linkify("See https://example.org/a, or http://b.example.")).toEqual([
      { kind: "text", text: "See " },
      { kind: "link", text: "https://example.org/a", href: "https://example.org/a" },
      { kind: "text", text: ", or " },
      { kind: "link", text: "http://b.example", href: "http://b.example/" },
      { kind: "text", text: "." },
    ]);
  });

  it("keeps brackets that belong to the address", () => {
    expect(links("(https://en.wikipedia.org/wiki/Bell_(instrument))")).toEqual([
      "https://en.wikipedia.org/wiki/Bell_(instrument)",
    ]);
  });

  it("never makes a link of a scheme that runs or carries something", () => {
    expect(links("javascript:alert(1) data:text/html,x vbscript:x file:///etc/passwd")).toEqual([]);
    expect(links("java\nscript:https://")).toEqual([]);
  });

  it("makes no link of an address that poses as another one", () => {
    expect(links("https://bank.example@evil.example/")).toEqual([]);
  });

  it("shows what was typed and opens the punycode", () => {
    expect(linkify("https://пример.example/")).toEqual([
      { kind: "link", text: "https://пример.example/", href: "https://xn--e1afmkfd.example/" },
    ]);
  });

  it("loses no character of any text", () => {
    for (const text of ["", "a", "https://", "x https://a.b/c?d=e#f) y", "https://a.b/”quoted”", "\u202Ehttps://a.b"]) {
      expect(
        linkify(text)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
    }
  });

  it("is quick on text that was made to be slow", () => {
    const startMs = performance.now();
    linkify(`https://a.b/${")".repeat(60_000)}`);
    linkify("https://".repeat(8_000));
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});
