import { DefinitionError, bytes, call, defineContract, log, state } from "@carillon/protocol";
import * as v from "valibot";
import { describe, expect, it } from "vitest";

const data = v.object({ text: v.string() });

describe("a log channel", () => {
  it("has defaults: 1000 publications, a day, no presence, version 1", () => {
    expect(log({ data })).toStrictEqual({
      kind: "log",
      data,
      historySize: 1000,
      historyTtlMs: 86_400_000,
      presence: undefined,
      version: 1,
      upgrade: null,
      coalesceMs: null,
    });
  });

  it("takes its options, durations in milliseconds", () => {
    const upgrade = (old: unknown): unknown => old;
    const presence = v.object({ name: v.string() });
    const spec = log({ data, presence, history: { size: 0, ttl: "30d" }, version: 3, upgrade, coalesce: "20ms" });
    expect(spec).toStrictEqual({
      kind: "log",
      data,
      historySize: 0,
      historyTtlMs: 2_592_000_000,
      presence,
      version: 3,
      upgrade,
      coalesceMs: 20,
    });
  });

  it.each([
    [{}, "log: data: expected a schema"],
    [{ data: "string" }, "log: data: expected a schema"],
    [{ data, presence: {} }, "log: presence: expected a schema"],
    [{ data, history: { size: -1 } }, "log: history.size: expected a whole number from 0, got -1"],
    [{ data, history: { size: 1.5 } }, "log: history.size"],
    [{ data, history: { size: Infinity } }, "log: history.size"],
    [{ data, history: { size: "10" } }, "log: history.size"],
    [{ data, history: { ttl: "1w" } }, "log: history.ttl"],
    [{ data, history: { ttl: 0 } }, "log: history.ttl: expected a duration of at least 1 ms"],
    [{ data, version: 0 }, "log: version: expected a whole number from 1"],
    [{ data, version: 2 }, "log: expected upgrade(data, version) beside version 2"],
    [{ data, version: 2, upgrade: "x" }, "log: upgrade: expected a function"],
    [{ data, coalesce: -5 }, "log: coalesce"],
    [{ data, coalesce: "1001ms" }, "log: coalesce"],
  ])("refuses the options %j", (options, reason) => {
    expect(() => log(options as never)).toThrow(DefinitionError);
    expect(() => log(options as never)).toThrow(reason);
  });
});

describe("a state channel", () => {
  it("has defaults: no TTL, owned entries", () => {
    expect(state({ value: data })).toStrictEqual({
      kind: "state",
      value: data,
      ttlMs: null,
      owned: true,
      coalesceMs: null,
    });
  });

  it("takes its options, durations in milliseconds", () => {
    const value = bytes();
    expect(state({ value, ttl: "5s", owned: false, coalesce: 0 })).toStrictEqual({
      kind: "state",
      value,
      ttlMs: 5000,
      owned: false,
      coalesceMs: 0,
    });
  });

  it.each([
    [{}, "state: value: expected a schema"],
    [{ value: data, ttl: "0s" }, "state: ttl: expected a duration of at least 1 ms"],
    [{ value: data, owned: "yes" }, "state: owned: expected true or false"],
    [{ value: data, coalesce: "soon" }, "state: coalesce"],
    [{ value: data, coalesce: "2s" }, "state: coalesce"],
  ])("refuses the options %j", (options, reason) => {
    expect(() => state(options as never)).toThrow(DefinitionError);
    expect(() => state(options as never)).toThrow(reason);
  });
});

describe("a call", () => {
  it("has an input and an output", () => {
    expect(call({ input: data, output: data })).toStrictEqual({ kind: "call", input: data, output: data });
  });

  it.each([
    [{ output: data }, "call: input"],
    [{ input: data }, "call: output"],
  ])("refuses the options %j", (options, reason) => {
    expect(() => call(options as never)).toThrow(reason);
  });
});

describe("a contract", () => {
  const chat = log({ data });
  const create = call({ input: data, output: data });

  it("holds its channels and calls, and version 1 unless told", () => {
    const contract = defineContract({ channels: { "chat:{room}": chat }, calls: { "room.create": create } });
    expect(contract.version).toBe(1);
    expect(contract.channels["chat:{room}"]).toBe(chat);
    expect(contract.calls["room.create"]).toBe(create);
    expect(defineContract({ version: 7, channels: {} })).toMatchObject({ version: 7, channels: {}, calls: {} });
  });

  it("is frozen with everything that was made for it", () => {
    const contract = defineContract({ channels: { "chat:{room}": chat }, calls: { "room.create": create } });
    for (const part of [contract, contract.channels, contract.calls, chat, create, state({ value: data })]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it("leaves the schemas of the application as they are", () => {
    expect(Object.isFrozen(data)).toBe(false);
  });

  it("does not change with the object that it was made from", () => {
    const channels: Record<string, typeof chat> = { "chat:{room}": chat };
    const contract = defineContract({ channels });
    channels["other:{room}"] = chat;
    expect(Object.keys(contract.channels)).toStrictEqual(["chat:{room}"]);
  });

  it("finds nothing under the names that every object has", () => {
    const { channels, calls } = defineContract({ channels: { "chat:{room}": chat } });
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      expect(Reflect.get(channels, name)).toBeUndefined();
      expect(Reflect.get(calls, name)).toBeUndefined();
    }
  });

  it("refuses two patterns that can match one name, and names both", () => {
    const define = (): unknown => defineContract({ channels: { "chat:{room}": chat, "chat:lobby": chat } });
    expect(define).toThrow(DefinitionError);
    expect(define).toThrow('"chat:{room}" and "chat:lobby" both match "chat:lobby"');
  });

  it.each([
    [{ channels: { "chat:{room": chat } }, 'Pattern "chat:{room"'],
    [{ channels: { "{room}": chat } }, 'Pattern "{room}"'],
    [{ channels: { "chat:{room}": {} } }, 'Channel "chat:{room}": expected log(…) or state(…), got an object'],
    [{ channels: { "chat:{room}": null } }, 'Channel "chat:{room}"'],
    [{ channels: { "chat:{room}": create } }, 'Channel "chat:{room}"'],
    [{ channels: null }, "defineContract: channels: expected an object, got null"],
    [{}, "defineContract: channels"],
    [{ channels: {}, calls: 7 }, "defineContract: calls: expected an object, got 7"],
    [{ channels: {}, calls: { create: chat } }, 'Call "create": expected call(…)'],
    [{ channels: {}, calls: { "": create } }, 'Call "": expected a name'],
    [{ channels: {}, calls: { "room..create": create } }, "expected a name"],
    [{ channels: {}, calls: { "room.1": create } }, "expected a name"],
    [{ channels: {}, calls: { "room create": create } }, "expected a name"],
    [{ channels: {}, calls: { ["a".repeat(129)]: create } }, "expected a name"],
    [{ channels: {}, calls: { ["__proto__"]: create } }, 'Call "__proto__": expected a name'],
    [{ channels: {}, version: 0 }, "defineContract: version: expected a whole number from 1, got 0"],
  ])("refuses the definition %#", (definition, reason) => {
    const define = (): unknown => defineContract(definition as never);
    expect(define).toThrow(DefinitionError);
    expect(define).toThrow(reason);
  });

  it("says with a stable code that the definition is wrong", () => {
    expect(() => defineContract({ channels: {}, version: -1 })).toThrow(
      expect.objectContaining({ name: "DefinitionError", code: "invalid_definition" }),
    );
  });
});
