import { describe, expect, test } from "vitest";
import { decodeBlock, encodeBlock } from "../src/block-codec.ts";
import type { LogBlock, StateBlock } from "../src/block.ts";

const publisher = { user: "Zoë 🔔", instance: "i_1" };
const record = { kind: "publication", at: 5, tags: { lang: "de" }, meta: null, expires: 0, version: 70_000 } as const;

const log: LogBlock = {
  kind: "log",
  epoch: "e",
  nonce: "n2",
  after: "n1",
  at: 1_000,
  isBirth: false,
  own: {
    nonce: "n2",
    offset: 3,
    tag: "t",
    records: [
      { record: { ...record, id: "text", data: '"Grüße 世界"', publisher }, key: { scope: "i:i_1", fingerprint: "f" } },
      { record: { ...record, id: "bytes", data: new Uint8Array([0, 255, 10]), publisher: null }, key: null },
      { record: { ...record, id: "no bytes", data: new Uint8Array(), publisher: null }, key: null },
      { record: { ...record, id: "no text", data: "", publisher: null }, key: null },
      {
        record: { kind: "amend", id: "a", amend: "text", at: 5, data: null, publisher, expires: 9, version: 2 },
        key: null,
      },
    ],
  },
  carried: [{ nonce: "n0", offset: 0, tag: "0", records: [] }],
  ids: [{ scope: "s:k", fingerprint: "g", id: "old", pos: "e.1.t", at: 2 }],
};

const state: StateBlock = {
  kind: "state",
  epoch: "e",
  nonce: "n2",
  after: "",
  at: 1_000,
  isBirth: true,
  offset: 0,
  tag: "0",
  refreshes: [{ key: "k", holder: null, node: "one", ends: 7 }],
  changes: [
    { key: "a", at: 1, data: '"ü"', owner: publisher, holder: "s_1", node: "one", ends: 0 },
    { key: "b", at: 2, isGone: true },
  ],
  carried: [
    { key: "c", version: 4, at: 1, data: new Uint8Array([1]), owner: null, holder: null, node: "two", ends: 3 },
  ],
};

describe("blocks as bytes", () => {
  test("a block comes back as it was: text, bytes, nothing, and what goes with it", () => {
    expect(decodeBlock(encodeBlock(log))).toEqual(log);
    expect(decodeBlock(encodeBlock(state))).toEqual(state);
  });

  test("what is none, or of a newer format, is not taken for one", () => {
    const bytes = encodeBlock(log);
    const newer = Uint8Array.from(bytes);
    newer[0] = 2;
    expect(decodeBlock(newer)).toBeNull();
    expect(decodeBlock(new Uint8Array())).toBeNull();
    expect(decodeBlock(Buffer.from("hello, this is not a block"))).toBeNull();
    expect(decodeBlock(bytes.subarray(0, 40))).toBeNull();
  });

  test("what is kept of a block does not keep the message that it came in", () => {
    const decoded = decodeBlock(encodeBlock(log));
    const data = decoded?.kind === "log" ? decoded.own.records[1]?.record.data : null;
    expect(data instanceof Uint8Array && data.buffer.byteLength).toBe(3);
  });
});
