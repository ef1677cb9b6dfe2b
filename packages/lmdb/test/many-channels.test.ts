import { expect, test } from "vitest";
import type { Answer, ChannelOptions, Snapshot } from "@carillon/server/testing";
import { contextOf } from "./context.ts";
import { closeStore, Folder, openStore } from "./stores.ts";

const STATE: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: false };
/** More than a byte counts: numbers of channels end with every byte there is. */
const CHANNELS = 300;

test("each of many state channels has what was set in it, and nothing of its neighbours", async () => {
  await using folder = await Folder.create();
  const backplane = await openStore(folder.path, contextOf().context);
  const names = Array.from({ length: CHANNELS }, (_, index) => `state:${index}`);
  for (const name of names) {
    const change = { op: "set", data: "1", expect: null, owner: null, holder: null, ownOnly: false } as const;
    for (const key of [`${name} a`, `${name} b`]) {
      const done = (result: { readonly ok: boolean }): void => expect(result.ok).toBe(true);
      backplane.channels.apply([{ channel: name, options: STATE, change: { ...change, key }, done }]);
    }
  }
  for (const name of names) {
    const answer = await new Promise<Answer<Snapshot>>((done) => backplane.channels.snapshot(name, STATE, done));
    const keys = answer.ok ? answer.value.records.map(({ key }) => key) : [];
    expect(keys).toEqual([`${name} a`, `${name} b`]);
  }
  await closeStore(backplane);
});
