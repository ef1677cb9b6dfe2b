import { readFileSync } from "node:fs";
import {
  CLOSE_CODES,
  CarillonError,
  ERROR_CODES,
  RETRYABLE_CODES,
  afterClose,
  wireError,
  type AfterClose,
} from "@carillon/protocol";
import { describe, expect, it } from "vitest";

const DOES: Record<AfterClose, string> = {
  resume: "reconnects with the resume credential",
  ticket: "reconnects with a new ticket",
  stop: "stays away",
};

/** The tables between the two marks of PROTOCOL.md: cells by row, without heading and rule. */
function tables(): string[][][] {
  const text = readFileSync(new URL("../../../PROTOCOL.md", import.meta.url), "utf8");
  const found = /<!-- codes:start -->([^]*)<!-- codes:end -->/.exec(text)?.[1] ?? "";
  return found
    .trim()
    .split(/\n\s*\n/)
    .map((table) =>
      table
        .split("\n")
        .slice(2)
        .map((row) =>
          row
            .split("|")
            .slice(1, -1)
            .map((cell) => cell.trim()),
        ),
    );
}

describe("PROTOCOL.md", () => {
  it("lists the close codes of codes.ts and what a client does after each", () => {
    expect(tables()[0]).toStrictEqual(
      Object.entries(CLOSE_CODES).map(([name, { code, text }]) => [
        `${code}`,
        `\`${name}\``,
        text,
        DOES[afterClose(code)],
      ]),
    );
  });

  it("lists the error codes of codes.ts", () => {
    expect(tables()[1]).toStrictEqual(
      Object.entries(ERROR_CODES).map(([name, text]) => [`\`${name}\``, `${RETRYABLE_CODES.includes(name)}`, text]),
    );
  });
});

describe("codes", () => {
  it("give no number to two closes", () => {
    const numbers = Object.values(CLOSE_CODES).map(({ code }) => code);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it("have no dot, so that an application's own can't meet them", () => {
    expect(Object.keys(ERROR_CODES).filter((code) => !/^[a-z_]+$/.test(code))).toStrictEqual([]);
  });

  it("fit a close frame, whose reason has 123 bytes at most", () => {
    const lengths = Object.values(CLOSE_CODES).map(({ text }) => Buffer.byteLength(text));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(123);
  });

  it.each([
    [1000, "stop"],
    [1001, "resume"],
    [1006, "resume"],
    [1012, "resume"],
    [3999, "resume"],
    [4000, "resume"],
    [4099, "resume"],
    [4100, "ticket"],
    [4499, "ticket"],
    [4500, "stop"],
    [4999, "stop"],
  ] as const)("after close code %i the client's next step is %s", (code, next) => {
    expect(afterClose(code)).toBe(next);
  });
});

describe("CarillonError", () => {
  it("goes over the wire with all that the other end may act on", () => {
    const error = new CarillonError("conflict", "Expected version 0.", { version: 4, retryAfterMs: 7 });
    expect(wireError(error)).toEqual({
      code: "conflict",
      message: "Expected version 0.",
      retry: false,
      retryAfterMs: 7,
      version: 4,
    });
  });

  it("takes retry from the table unless it is told", () => {
    expect(new CarillonError("unavailable", "x").retry).toBe(true);
    expect(new CarillonError("forbidden", "x").retry).toBe(false);
    expect(new CarillonError("room.taken", "x", { retry: true }).retry).toBe(true);
  });

  it("keeps stack and cause to itself", () => {
    const error = new CarillonError("internal", "x", { cause: new Error("secret") });
    expect(Object.keys(wireError(error)).sort()).toStrictEqual(["code", "message", "retry"]);
  });
});
