import {
  CHANNEL_NAME_MAX,
  CarillonError,
  DefinitionError,
  compilePatterns,
  fill,
  isChannelName,
  isSegment,
} from "@carillon/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~=+-";
const segment = fc.string({ unit: fc.constantFrom(...ALPHABET.split("")), minLength: 1, maxLength: 12 });
const parameter = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,5}$/);

/** A pattern as its parts: a namespace, then literals and parameters, no parameter twice. */
const parts = fc
  .tuple(segment, fc.array(fc.tuple(fc.boolean(), segment, parameter), { maxLength: 5 }))
  .map(([namespace, rest]) => [
    namespace,
    ...rest.map(([literal, text, name], place) => (literal ? text : `{${name}_${place}}`)),
  ]);

describe("matching", () => {
  it("finds the pattern of a name, and its parameters", () => {
    const patterns = compilePatterns(["news", "chat:{room}", "chat:{room}:typing", "game:{id}:seat:{seat}"]);
    expect(patterns.match("news")).toEqual({ pattern: "news", params: {} });
    expect(patterns.match("chat:lobby")).toEqual({ pattern: "chat:{room}", params: { room: "lobby" } });
    expect(patterns.match("chat:lobby:typing")).toEqual({ pattern: "chat:{room}:typing", params: { room: "lobby" } });
    expect(patterns.match("game:7:seat:a")).toEqual({
      pattern: "game:{id}:seat:{seat}",
      params: { id: "7", seat: "a" },
    });
  });

  it.each([
    "",
    "chat",
    "chat:",
    ":lobby",
    "chat:lobby:writing",
    "chat:a:b:c",
    "Chat:lobby",
    "chat:{room}",
    "chat::typing",
  ])("finds nothing for %j", (name) => {
    expect(compilePatterns(["chat:{room}", "chat:{room}:typing"]).match(name)).toBeNull();
  });

  it("tells patterns apart by a literal at any place", () => {
    const patterns = compilePatterns(["a:x:{p}", "a:y:{q}", "a:{r}:z:1"]);
    expect(patterns.match("a:x:z")?.pattern).toBe("a:x:{p}");
    expect(patterns.match("a:y:z")?.pattern).toBe("a:y:{q}");
    expect(patterns.match("a:x:z:1")?.pattern).toBe("a:{r}:z:1");
    expect(patterns.match("a:w:z")).toBeNull();
  });

  it.each([
    ["__proto__", "__proto__"],
    ["chat:__proto__", "chat:{room}"],
    ["chat:constructor", "chat:{room}"],
    ["constructor:x", null],
    ["toString", null],
    ["chat:a\0b", null],
    ["chat:\ud800", null],
    ["chat:a b", null],
    ["chat:a\n", null],
    ["chat:../..", null],
    ["chat:*", null],
    ["@presence:chat:lobby", null],
    ["@chat:lobby", null],
    ["chat:\u{1F514}", null],
  ])("gives %j the pattern %j", (name, pattern) => {
    const patterns = compilePatterns(["chat:{room}", "__proto__"]);
    expect(patterns.match(name)?.pattern ?? null).toBe(pattern);
  });

  it("gives parameters that are frozen and hold nothing else", () => {
    const params = compilePatterns(["a:{constructor}:{b}"]).match("a:1:2")?.params ?? {};
    expect(Object.isFrozen(params)).toBe(true);
    expect(Object.getPrototypeOf(params)).toBeNull();
    expect(Object.entries(params)).toStrictEqual([
      ["constructor", "1"],
      ["b", "2"],
    ]);
    expect(params["toString"]).toBeUndefined();
  });

  it("refuses a name of a megabyte without reading it", () => {
    const patterns = compilePatterns(["chat:{room}"]);
    const name = `chat:${"a:".repeat(500_000)}`;
    const started = performance.now();
    for (let round = 0; round < 10_000; round += 1) expect(patterns.match(name)).toBeNull();
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("takes a name of the greatest length and none longer", () => {
    const patterns = compilePatterns(["chat:{room}"]);
    const longest = `chat:${"a".repeat(CHANNEL_NAME_MAX - 5)}`;
    expect(patterns.match(longest)?.params).toEqual({ room: longest.slice(5) });
    expect(patterns.match(`${longest}a`)).toBeNull();
  });

  it("never throws, and never matches what is not a channel name", () => {
    const patterns = compilePatterns(["chat:{room}", "chat:{room}:{part}", "a"]);
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (rest) => {
        for (const name of [rest, `chat:${rest}`]) {
          const match = patterns.match(name);
          if (match) expect(isChannelName(name)).toBe(true);
        }
      }),
    );
  });
});

describe("filling", () => {
  it("makes the name that matches the pattern with the same parameters", () => {
    fc.assert(
      fc.property(parts, fc.infiniteStream(segment), (segments, values) => {
        const pattern = segments.join(":");
        const params = Object.fromEntries(
          [...pattern.matchAll(/\{(\w+)\}/g)].map((found) => [found[1] ?? "", values.next().value]),
        );
        const name = fill(pattern, params);
        expect(compilePatterns([pattern]).match(name)).toEqual({ pattern, params });
      }),
    );
  });

  it("undoes matching", () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 3, maxLength: 3 }), (segments) => {
        const name = `chat:${segments.join(":")}`;
        const match = compilePatterns(["chat:{a}:{b}:{c}"]).match(name);
        expect(match && fill(match.pattern, { a: "", b: "", c: "", ...match.params })).toBe(name);
      }),
    );
  });

  it("refuses a value that is not one well-formed segment", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), (room) => {
        fc.pre(!isSegment(room));
        expect(() => fill("chat:{room}", { room })).toThrow(CarillonError);
      }),
    );
  });

  it.each(["", ":", "a:b", "a b", "\0", "\ud800", "{room}", "@x", "ä"])(
    "refuses %j and names the parameter",
    (room) => {
      expect(() => fill("chat:{room}", { room })).toThrow(/Expected room of chat:\{room\}/);
    },
  );

  it("puts a value that looks like a replacement in as it is, or not at all", () => {
    expect(() => fill("chat:{room}", { room: "$&" })).toThrow(CarillonError);
    expect(fill("chat:{a}:{b}", { a: "b", b: "a" })).toBe("chat:b:a");
  });

  it("refuses parameters that are absent, inherited or no text", () => {
    // As a caller without types would write it.
    const untyped: (pattern: string, params: never) => string = fill;
    expect(() => untyped("chat:{room}", {} as never)).toThrow("got undefined");
    expect(() => untyped("chat:{toString}", {} as never)).toThrow("got undefined");
    expect(() => untyped("chat:{room}", { room: 7 } as never)).toThrow("got 7");
    expect(() => untyped("chat:{room}", { room: ["a"] } as never)).toThrow("got an array");
  });

  it("refuses a name that would be too long, with an error that is short", () => {
    const thrown = errorOf(() => fill("chat:{room}", { room: "a".repeat(CHANNEL_NAME_MAX) }));
    expect(thrown).toMatchObject({ code: "unknown_channel" });
    const huge = errorOf(() => fill("chat:{room}", { room: "a".repeat(1_000_000) }));
    expect(huge.message.length).toBeLessThan(300);
  });
});

describe("a set of patterns", () => {
  it.each([
    ["", "segments"],
    [":", "segments"],
    ["chat:", "segments"],
    ["chat::x", "segments"],
    ["chat:{room", "segments"],
    ["chat:room}", "segments"],
    ["chat:{}", "segments"],
    ["chat:{1}", "segments"],
    ["chat:{__proto__}", "segments"],
    ["chat:x{room}", "segments"],
    ["chat:{a}{b}", "segments"],
    ["chat:*", "segments"],
    ["chat:a b", "segments"],
    ["@presence:{x}", "segments"],
    ["chat:@x", "segments"],
    ["chät", "segments"],
    ["{room}", "namespace"],
    ["{ns}:{room}", "namespace"],
    ["chat:{room}:{room}", "each parameter once"],
    [`chat:${"a".repeat(CHANNEL_NAME_MAX)}`, "at most 200"],
    [`${"a".repeat(150)}:${"b".repeat(150)}`, "at most 200"],
  ])("refuses the pattern %j", (pattern, reason) => {
    const error = errorOf(() => compilePatterns([pattern]));
    expect(error).toBeInstanceOf(DefinitionError);
    expect(error.message).toContain(reason);
  });

  it("names both of two patterns that can match one name, and such a name", () => {
    const error = errorOf(() => compilePatterns(["chat:{room}:typing", "news", "chat:lobby:{what}"]));
    expect(error).toBeInstanceOf(DefinitionError);
    expect(error.message).toContain('"chat:{room}:typing" and "chat:lobby:{what}" both match "chat:lobby:typing"');
  });

  it("is refused exactly if trying every name finds one with two patterns", () => {
    // Literals a and b, names over a, b and c: whatever two patterns have in common shows in these few names.
    const step = fc.constantFrom("a", "b", "{p}");
    const small = fc
      .tuple(fc.constantFrom("a", "b"), fc.array(step, { maxLength: 3 }))
      .map(([namespace, rest]) => [namespace, ...rest.map((text, place) => text.replace("p", `p${place}`))].join(":"));
    let refused = 0;
    let accepted = 0;
    fc.assert(
      fc.property(fc.uniqueArray(small, { minLength: 2, maxLength: 5 }), (patterns) => {
        const ambiguous = everyName(4).some((name) => patterns.filter((pattern) => matches(pattern, name)).length > 1);
        if (ambiguous) {
          refused += 1;
          expect(() => compilePatterns(patterns)).toThrow(DefinitionError);
          return;
        }
        accepted += 1;
        const compiled = compilePatterns(patterns);
        for (const name of everyName(4)) {
          expect(compiled.match(name)?.pattern).toBe(patterns.find((pattern) => matches(pattern, name)));
        }
      }),
      { numRuns: 300 },
    );
    // Both sides were tried, or the property would say nothing.
    expect(refused).toBeGreaterThan(30);
    expect(accepted).toBeGreaterThan(30);
  });
});

/** Says the same as the implementation, in the simplest way there is. */
function matches(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.replace(/\{\w+\}/g, "[^:]+")}$`).test(name);
}

function everyName(segmentsMax: number): string[] {
  let names = ["a", "b", "c"];
  const all = [...names];
  for (let count = 1; count < segmentsMax; count += 1) {
    names = names.flatMap((name) => ["a", "b", "c"].map((text) => `${name}:${text}`));
    all.push(...names);
  }
  return all;
}

function errorOf(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("Expected an error, got none.");
}
