import { validate } from "@carillon/protocol";
import { describe, expect, test } from "vitest";
import { chatContract, namedSchema } from "../src/chat-contract.ts";

describe("the contract of the chat", () => {
  test("keeps the messages of a room for thirty days", () => {
    expect(chatContract.channels["chat:{room}"]).toMatchObject({ historyTtlMs: 30 * 86_400_000 });
  });

  test("forgets a typing mark after five seconds", () => {
    expect(chatContract.channels["typing:{room}"]).toMatchObject({ ttlMs: 5_000, owned: true });
  });

  test.each(["Ada", "  Ada  ", "Ναυσικά", "李", "👩‍🚀", "O'Brien <b>", "a".repeat(64)])("takes the name %j", (name) => {
    expect(validate(namedSchema, { name })).toEqual({ ok: true, value: { name: name.trim() } });
  });

  test.each([
    ["nothing", {}],
    ["an empty name", { name: "" }],
    ["a name of spaces", { name: " \t " }],
    ["a name that can't be seen", { name: "\u200b\u2060" }],
    ["a name with a line break", { name: "Ada\nBob" }],
    ["a name with an escape", { name: "Ada\u001b[31m" }],
    ["half a character", { name: "\ud83d" }],
    ["a name that is too long", { name: "a".repeat(65) }],
    ["a number", { name: 1 }],
    ["a list", ["Ada"]],
  ])("refuses %s as a name", (_, value) => {
    expect(validate(namedSchema, value)).toMatchObject({ ok: false });
  });

  test("takes texts with line breaks, as long as a command has room, and not without a visible character", () => {
    const { data } = chatContract.channels["chat:{room}"];
    const said = (text: string): unknown => validate(data, { text, name: "Ada" });
    expect(said("  one\n two ")).toMatchObject({ ok: true, value: { text: "  one\n two " } });
    expect(said("a".repeat(8_000))).toMatchObject({ ok: true });
    expect(said("a".repeat(65_536))).toMatchObject({ ok: false });
    expect(said(" \n ")).toMatchObject({ ok: false });
  });

  test("drops what does not belong to a message", () => {
    const { data } = chatContract.channels["chat:{room}"];
    const value: unknown = JSON.parse('{"text":"a","name":"Ada","html":"<b>","__proto__":{"x":1}}');
    expect(validate(data, value)).toEqual({ ok: true, value: { text: "a", name: "Ada" } });
  });
});
