import {
  CHANNEL_NAME_MAX,
  KEY_MAX,
  POSITION_MAX,
  PUBLICATION_ID_MAX,
  isChannelName,
  isKey,
  isPosition,
  isPublicationId,
  isSegment,
  presenceChannel,
  presenceParent,
} from "@carillon/protocol";
import { describe, expect, it } from "vitest";

const HOSTILE = ["", " ", "a b", "a\0", "a\n", "\ud800", "ä", "\u{1F514}", "a\u2028", "a\x7f"];

describe("a channel name", () => {
  it.each([
    "a",
    "chat:lobby",
    "a:b:c",
    "A-Z_0.9~=+",
    "@presence:chat:lobby",
    "__proto__",
    "a".repeat(CHANNEL_NAME_MAX),
  ])("may be %j", (name) => {
    expect(isChannelName(name)).toBe(true);
  });

  it.each([
    ...HOSTILE,
    ":",
    "a:",
    ":a",
    "a::b",
    "a:@b",
    "@",
    "@@a",
    "a/b",
    "a*",
    "{a}",
    "a,b",
    "a%20b",
    "a".repeat(CHANNEL_NAME_MAX + 1),
    "a:".repeat(1_000_000),
    null,
    undefined,
    7,
    ["a"],
    { toString: () => "a" },
  ])("may not be %j", (name) => {
    expect(isChannelName(name)).toBe(false);
  });

  it("is not looked at when it is a megabyte", () => {
    const name = `${"a".repeat(2_000_000)}:`;
    const started = performance.now();
    for (let round = 0; round < 10_000; round += 1) isChannelName(name);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("a segment", () => {
  it.each([...HOSTILE, "a:b", "@a", "{a}", "a".repeat(CHANNEL_NAME_MAX + 1)])("may not be %j", (value) => {
    expect(isSegment(value)).toBe(false);
  });
});

describe.each([
  ["key", isKey, KEY_MAX],
  ["publication id", isPublicationId, PUBLICATION_ID_MAX],
  ["position", isPosition, POSITION_MAX],
] as const)("a %s", (_, accepts, max) => {
  it("is printable ASCII without space, up to its length", () => {
    const printable = Array.from({ length: 94 }, (__, index) => String.fromCharCode(0x21 + index)).join("");
    expect(accepts(printable.slice(0, Math.min(max, 94)))).toBe(true);
    expect(accepts("a")).toBe(true);
    expect(accepts("__proto__")).toBe(true);
    expect(accepts("x".repeat(max))).toBe(true);
    expect(accepts("x".repeat(max + 1))).toBe(false);
  });

  it.each([...HOSTILE, null, undefined, 7, ["a"]])("may not be %j", (value) => {
    expect(accepts(value)).toBe(false);
  });
});

describe("the presence channel", () => {
  it("belongs to its channel", () => {
    expect(presenceChannel("chat:lobby")).toBe("@presence:chat:lobby");
    expect(presenceParent("@presence:chat:lobby")).toBe("chat:lobby");
    expect(presenceParent("chat:lobby")).toBeNull();
    expect(presenceParent("presence:chat")).toBeNull();
  });
});
