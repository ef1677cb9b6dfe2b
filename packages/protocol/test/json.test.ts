import { runInNewContext } from "node:vm";
import { JSON_DEPTH_MAX, isJson, jsonProblem, payloadProblem } from "@carillon/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("JSON", () => {
  it("is whatever JSON.parse gives", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(jsonProblem(value)).toBeNull();
      }),
    );
  });

  it("comes back from its text as it was, whatever is taken for JSON", () => {
    const value = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withTypedArray: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(value, (candidate) => {
        if (!isJson(candidate)) return;
        expect(JSON.parse(JSON.stringify(candidate))).toEqual(withoutNegativeZero(candidate));
      }),
    );
  });

  it.each([
    ["a property that is undefined, which is left out", { a: undefined }],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
    ["an object of another realm", runInNewContext("({ a: [1] })")],
    ["a property named __proto__", JSON.parse('{"__proto__":{"a":1}}')],
    ["a lone surrogate", "\ud800"],
    ["one object in two places", ((shared) => [shared, shared])({ a: 1 })],
  ])("is %s", (_, value) => {
    expect(jsonProblem(value)).toBeNull();
  });

  class Point {
    x = 1;
  }
  it.each([
    [undefined, "Expected JSON, got undefined."],
    [NaN, "Expected JSON, got NaN."],
    [-Infinity, "Expected JSON, got -Infinity."],
    [1n, "Expected JSON, got a bigint."],
    [Symbol("secret"), "Expected JSON, got a symbol."],
    [() => 1, "Expected JSON, got a function."],
    [[1, undefined], "Expected JSON at [1], got undefined."],
    [Array(1), "Expected JSON at [0], got undefined."],
    [{ a: [{ b: NaN }] }, "Expected JSON at a[0].b, got NaN."],
    [{ "a b": { c: 1n } }, 'Expected JSON at ["a b"].c, got a bigint.'],
    [{ when: new Date(0) }, "Expected JSON at when, got an instance of Date."],
    [new Map(), "Expected JSON, got an instance of Map."],
    [new Point(), "Expected JSON, got an instance of Point."],
    [new Uint8Array(1), "Expected JSON, got an instance of Uint8Array."],
    [Object("boxed"), "Expected JSON, got an instance of String."],
    [{ toJSON: () => 1 }, "Expected JSON at toJSON, got a function."],
    [Promise.resolve(1), "Expected JSON, got an instance of Promise."],
  ])("is not %s", (value, problem) => {
    expect(jsonProblem(value)).toBe(problem);
  });

  it("has 64 levels and no more", () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
    expect(jsonProblem(nested(JSON_DEPTH_MAX))).toBeNull();
    expect(jsonProblem(nested(JSON_DEPTH_MAX + 1))).toMatch(/more than 64 levels, or a cycle/);
  });

  it("has no cycle, however wide", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle, cycle, cycle);
    expect(jsonProblem(cycle)).toMatch(/or a cycle/);
    const object: Record<string, unknown> = { list: Array(1000).fill(0) };
    object["self"] = { object };
    expect(jsonProblem(object)).toMatch(/or a cycle/);
  });

  it("does not explode: parts shared at every level are refused in time", () => {
    let value: unknown = 1;
    for (let level = 0; level < 60; level += 1) value = [value, value];
    expect(jsonProblem(value)).toMatch(/more than 1000000 values/);
  });

  it("is checked without throwing when a value fights back", () => {
    const getter = Object.defineProperty({}, "a", {
      enumerable: true,
      get() {
        throw new Error("secret");
      },
    });
    const proxy = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error("secret");
        },
      },
    );
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    for (const value of [getter, proxy, revoked.proxy, { a: getter }]) {
      expect(jsonProblem(value)).toBe("Expected JSON, got a value with a getter or proxy that throws.");
    }
  });

  it("is told about in a sentence of bounded length", () => {
    const value = { ["k".repeat(1_000_000)]: { ["\n".repeat(1_000_000)]: 1n } };
    expect(jsonProblem(value)?.length).toBeLessThan(300);
    expect(jsonProblem(value)).not.toContain("\n");
  });
});

describe("a payload", () => {
  it("is JSON or bytes, and not bytes inside JSON", () => {
    expect(payloadProblem({ a: 1 })).toBeNull();
    expect(payloadProblem(new Uint8Array(3))).toBeNull();
    expect(payloadProblem(Buffer.from("abc"))).toBeNull();
    expect(payloadProblem({ a: new Uint8Array(3) })).toMatch(/^Expected JSON at a/);
    expect(payloadProblem(new ArrayBuffer(3))).toMatch(/instance of ArrayBuffer/);
    expect(payloadProblem(undefined)).toMatch(/got undefined/);
  });
});

/** JSON has one zero. `toEqual` tells two apart, as it should elsewhere. */
function withoutNegativeZero(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNegativeZero);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutNegativeZero(part)]));
  }
  return value === 0 ? 0 : value;
}
