import { expect, it } from "vitest";
import { Unwritten } from "../chaos/unwritten.ts";
import { RedisServer, WITHOUT_REDIS } from "../support/redis-server.ts";

const saying = (text: string) => ({ command: () => Promise.resolve(text) });

it("A kill that falls into a sync of Redis's file is counted, with what was not written", async () => {
  const unwritten = new Unwritten();
  await unwritten.ask(saying("aof_enabled:1\r\naof_pending_bio_fsync:1\r\naof_buffer_length:120\r\n"));
  await unwritten.ask(saying("aof_enabled:1\r\naof_pending_bio_fsync:0\r\naof_buffer_length:0\r\n"));
  expect(unwritten.describe()).toMatch(/^1 of 2 kills .*: 120 bytes were not written$/);
});

it("A kill of a Redis that does not answer, or has no such field, is said to be unknown", async () => {
  const unwritten = new Unwritten();
  await unwritten.ask({ command: () => Promise.reject(new Error("It is gone.")) });
  await unwritten.ask({ command: () => new Promise(() => {}) });
  await unwritten.ask(saying("aof_enabled:1\r\n"));
  expect(unwritten.describe()).toContain("0 of 3 kills");
  expect(unwritten.describe()).toContain("3 did not say");
});

it.skipIf(WITHOUT_REDIS !== null)(
  `A real Redis says whether a sync is under way${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`,
  async () => {
    await using server = await RedisServer.start();
    const unwritten = new Unwritten();
    await unwritten.ask(server);
    expect(unwritten.describe()).not.toContain("did not say");
  },
);
