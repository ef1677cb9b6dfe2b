import { defineContract, DefinitionError, log, state } from "@carillon/protocol";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { createCarillon, memory } from "@carillon/server";
import type { Backplane } from "@carillon/server/backplane";

const contract = defineContract({
  channels: {
    "chat:{room}": log({ data: v.string() }),
    "typing:{room}": state({ value: v.string(), ttl: "5s" }),
  },
});

/** A memory backplane whose entries stay for ever. */
function withoutEntryTtl(onClose: () => void): Backplane {
  return {
    name: "stone",
    open: (context, done) => {
      memory().open(context, (opened) => {
        if (opened instanceof Error) return done(opened);
        const { channels } = opened;
        const capabilities = { ...channels.capabilities, entryTtl: false };
        done({
          ...opened,
          channels: new Proxy(channels, {
            get: (target, name) => (name === "capabilities" ? capabilities : Reflect.get(target, name, target)),
          }),
          close: (closed) => {
            onClose();
            opened.close(closed);
          },
        });
      });
    },
  };
}

describe("what a contract needs of a backplane", () => {
  test("a contract that needs what the backplane lacks is refused at start, with a sentence, and nothing is left open", async () => {
    let closed = 0;
    const backplane = withoutEntryTtl(() => closed++);
    const carillon = createCarillon({ contract, user: v.object({ id: v.string() }), authorize: {}, backplane });
    const error: unknown = await carillon.ready().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DefinitionError);
    expect(String(error)).toContain("typing:{room}");
    expect(String(error)).toContain("stone");
    expect(closed).toBe(1);
    await carillon.close();
  });

  test("a contract that needs nothing special starts on it", async () => {
    const plain = defineContract({
      channels: { "chat:{room}": log({ data: v.string() }), "cursors:{room}": state({ value: v.string() }) },
    });
    const backplane = withoutEntryTtl(() => {});
    const carillon = createCarillon({ contract: plain, user: v.object({ id: v.string() }), authorize: {}, backplane });
    await expect(carillon.ready()).resolves.toBeUndefined();
    await carillon.close();
  });
});
