import { bytes, isSchema, validate, type Schema, type Validation } from "@carillon/protocol";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";

/** A schema whose validation is whatever `validator` does, however wrong. */
function schemaOf(validator: (value: unknown) => unknown): Schema {
  const schema: unknown = { "~standard": { version: 1, vendor: "test", validate: validator } };
  if (!isSchema(schema)) throw new Error("Expected a schema.");
  return schema;
}

function problemOf(validation: Validation<unknown> | Promise<Validation<unknown>>): string {
  if (validation instanceof Promise) throw new Error("Expected an outcome at once.");
  if (validation.ok) throw new Error("Expected a problem.");
  return validation.problem;
}

const message = {
  valibot: v.object({ text: v.string() }),
  zod: z.object({ text: z.string() }),
  arktype: type({ text: "string" }),
};

describe("validating", () => {
  it.each(Object.entries(message))("takes what satisfies a schema of %s, at once", (_, schema) => {
    expect(validate(schema, { text: "Hello" })).toStrictEqual({ ok: true, value: { text: "Hello" } });
  });

  it.each(Object.entries(message))("says where the value fails a schema of %s", (_, schema) => {
    expect(problemOf(validate(schema, { text: 7 }))).toMatch(/text.*string.*\.$/i);
    expect(problemOf(validate(schema, null))).toMatch(/.+\.$/);
    expect(problemOf(validate(schema, undefined))).toMatch(/.+\.$/);
  });

  it("gives the output of a schema that transforms", () => {
    expect(
      validate(
        z.string().transform((text) => text.length),
        "four",
      ),
    ).toStrictEqual({ ok: true, value: 4 });
  });

  it("gives a promise for a schema that is asynchronous", async () => {
    const even = z.number().refine(async (value) => value % 2 === 0, "Expected an even number");
    await expect(validate(even, 2)).resolves.toStrictEqual({ ok: true, value: 2 });
    await expect(validate(even, 3)).resolves.toStrictEqual({ ok: false, problem: "Expected an even number." });
  });

  it("shows paths through arrays and keys", () => {
    const list = v.object({ items: v.array(v.object({ text: v.string() })) });
    expect(problemOf(validate(list, { items: [{ text: "a" }, { text: 7 }] }))).toMatch(/^at items\[1\]\.text: /);
  });

  it("shows three issues and counts the others", () => {
    const five = v.object({ a: v.string(), b: v.string(), c: v.string(), d: v.string(), e: v.string() });
    const problem = problemOf(validate(five, { a: 1, b: 1, c: 1, d: 1, e: 1 }));
    expect(problem).toMatch(/^at a: .*; at b: .*; at c: .*; and 2 more\.$/);
  });

  it("keeps a problem short and on one line, whatever it quotes", () => {
    const hostile = "x".repeat(1_000_000);
    const schema = schemaOf(() => ({
      issues: [
        {
          message: `\0\r\n\u2028\ud800${hostile}`,
          path: [{ key: `\n${hostile}` }, Symbol(hostile), ...Array<string>(99).fill(hostile)],
        },
        { message: "second\nline" },
      ],
    }));
    const problem = problemOf(validate(schema, 1));
    expect(problem.length).toBeLessThan(1000);
    expect(problem).not.toMatch(/[\p{Cc}\p{Cs}\u2028]/u);
    expect(problem).toContain("second line");
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("secret");
      },
    ],
    [
      "throws what is no error",
      () => {
        // oxlint-disable-next-line typescript/only-throw-error -- this is what the schema must be allowed to do.
        throw "secret";
      },
    ],
    ["returns nothing", () => undefined],
    ["returns null", () => null],
    ["returns neither a value nor issues", () => ({})],
    ["returns issues that are no list", () => ({ issues: true })],
    ["returns issues without messages", () => ({ issues: [null] })],
    [
      "overflows the stack",
      function overflow(): unknown {
        return overflow();
      },
    ],
  ])("reports a schema that %s as a problem, and nothing of what it said", (_, validator) => {
    expect(problemOf(validate(schemaOf(validator), 1))).toBe("The schema failed on this value.");
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("secret"))],
    ["resolves to nothing", () => Promise.resolve(undefined)],
    ["resolves to neither a value nor issues", () => Promise.resolve({})],
  ])("reports a schema that %s as a problem", async (_, validator) => {
    await expect(validate(schemaOf(validator), 1)).resolves.toStrictEqual({
      ok: false,
      problem: "The schema failed on this value.",
    });
  });

  it("has a sentence for an empty list of issues", () => {
    expect(
      problemOf(
        validate(
          schemaOf(() => ({ issues: [] })),
          1,
        ),
      ),
    ).toBe("The value does not satisfy the schema.");
  });

  it("takes undefined as a value that a schema may put out", () => {
    expect(validate(v.undefined(), undefined)).toStrictEqual({ ok: true, value: undefined });
  });
});

describe("a schema", () => {
  it.each([...Object.entries(message), ["carillon", bytes()] as const])("of %s is one", (_, schema) => {
    expect(isSchema(schema)).toBe(true);
  });

  it.each([
    null,
    undefined,
    "string",
    7,
    {},
    [],
    () => 1,
    { "~standard": null },
    { "~standard": { version: 1 } },
    { "~standard": { version: 2, validate: () => 1 } },
  ])("is not %j", (value) => {
    expect(isSchema(value)).toBe(false);
  });
});

describe("bytes", () => {
  it("takes a Uint8Array and gives back the same", () => {
    const value = new Uint8Array([1, 2]);
    expect(validate(bytes(), value)).toStrictEqual({ ok: true, value });
    expect(bytes()["~standard"].vendor).toBe("carillon");
  });

  it.each([null, "bytes", [1, 2], { 0: 1 }, new ArrayBuffer(2), new DataView(new ArrayBuffer(2)), new Uint16Array(1)])(
    "refuses %j",
    (value) => {
      expect(problemOf(validate(bytes(), value))).toBe("Expected bytes (a Uint8Array).");
    },
  );
});
