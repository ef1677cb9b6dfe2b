import { open as openLmdb, type RootDatabase } from "lmdb";
import { describe, expect, test } from "vitest";
import type { OpenBackplane } from "@carillon/server";
import { VirtualWorld, type ChannelOptions, type Ports } from "@carillon/server/testing";
import { contextOf, idsIn, LOG, publish } from "./context.ts";
import { closeStore, Folder, openStore } from "./stores.ts";

/** Publishes that many in batches, with ids of their numbers. */
async function publishMany(
  backplane: OpenBackplane,
  from: number,
  to: number,
  options: ChannelOptions,
  channel: string = "chat:lobby",
): Promise<void> {
  for (let first = from; first < to; first += 500) {
    const batch = Array.from({ length: Math.min(500, to - first) }, (_, index) => ({
      id: `p${first + index}`,
      channel,
    }));
    for (const result of await publish(backplane, batch, options)) expect(result).toMatchObject({ ok: true });
  }
}

async function amend(backplane: OpenBackplane, target: string, options: ChannelOptions): Promise<string> {
  const [result] = await publish(
    backplane,
    [{ id: `a-${target}`, data: null, amend: { target, onlyBy: null } }],
    options,
  );
  return result?.ok === true ? "ok" : (result?.code ?? "");
}

/** How many keys of each kind there are in a closed store. */
async function kinds(path: string): Promise<Record<string, number>> {
  const main: RootDatabase<Uint8Array, Buffer> = openLmdb({
    path,
    readOnly: true,
    keyEncoding: "binary",
    encoding: "binary",
    maxDbs: 2,
  });
  const counts: Record<string, number> = {};
  for (const key of main.getKeys()) {
    const kind = `0x${(key[0] ?? 0).toString(16).padStart(2, "0")}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  await main.close();
  return counts;
}

describe("a log that is longer than what is kept in memory of it", () => {
  test("finds every publication by its id, before and after a restart", { timeout: 30_000 }, async () => {
    await using folder = await Folder.create();
    let backplane = await openStore(folder.path, contextOf().context);
    await publishMany(backplane, 0, 9_000, LOG);
    const check = async (): Promise<void> => {
      for (const number of [0, 1, 2_047, 2_048, 2_049, 6_500, 8_191, 8_999]) {
        const [again] = await publish(backplane, [{ id: `p${number}` }]);
        expect(again).toMatchObject({ ok: false, code: "id_reused" });
      }
    };
    await check();
    expect(await amend(backplane, "p1", LOG)).toBe("ok");
    expect(await amend(backplane, "p8000", LOG)).toBe("ok");
    await closeStore(backplane);
    backplane = await openStore(folder.path, contextOf().context);
    await check();
    expect(await amend(backplane, "p2", LOG)).toBe("ok");
    expect(await amend(backplane, "p1", LOG)).toBe("ok");
    expect(await amend(backplane, "p9000", LOG)).toBe("unknown_publication");
    expect(await idsIn(backplane)).toHaveLength(9_004);
    await closeStore(backplane);
  });

  test("keeps nothing of what was trimmed, neither entries nor ids", { timeout: 30_000 }, async () => {
    await using folder = await Folder.create();
    const options = { ...LOG, historySize: 3_000 };
    let backplane = await openStore(folder.path, contextOf().context);
    await publishMany(backplane, 0, 5_000, options);
    expect(await amend(backplane, "p4000", options)).toBe("ok");
    await publishMany(backplane, 5_000, 12_000, options);
    expect(await amend(backplane, "p4000", options)).toBe("unknown_publication");
    expect((await publish(backplane, [{ id: "p4000" }], options))[0]).toMatchObject({ ok: true });
    await closeStore(backplane);
    backplane = await openStore(folder.path, contextOf().context);
    expect(await amend(backplane, "p4000", options)).toBe("ok");
    expect(await idsIn(backplane, options)).toHaveLength(3_000);
    await closeStore(backplane);
    const counts = await kinds(folder.path);
    expect(counts["0x04"]).toBeLessThan(3_400);
    expect(counts["0x05"] ?? 0).toBeLessThan(3_400);
    expect(counts["0x06"]).toBe(1);
  });
});

describe("what has had its time", () => {
  function virtual(): { readonly world: VirtualWorld; readonly ports: Ports } {
    const world = new VirtualWorld();
    const ports: Ports = {
      monotonicMs: () => world.monotonicMs(),
      wallMs: () => world.wallMs(),
      after: (delayMs, callback) => world.after(delayMs, callback),
      endOfTick: (callback) => {
        setImmediate(callback);
      },
      random: () => world.random(),
      id: () => world.id(),
      hash: (data) => world.hash(data),
      digest: (data) => world.digest(data),
    };
    return { world, ports };
  }

  test(
    "goes from the disk by itself: old history, ids, credentials, removed channels, journals",
    { timeout: 30_000 },
    async () => {
      await using folder = await Folder.create();
      const { world, ports } = virtual();
      const { context, told } = contextOf({ resumeTtlMs: 600_000 });
      const backplane = await openStore(folder.path, { ...context, ports });
      const old = { ...LOG, historyTtlMs: 60_000 };
      const state: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 30_000, owned: true };
      for (let channel = 0; channel < 100; channel++) await publishMany(backplane, 0, 40, old, `old:${channel}`);
      await publishMany(backplane, 0, 3_000, LOG, "gone:1");
      await publish(
        backplane,
        Array.from({ length: 500 }, (_, index) => ({
          id: `c${index}`,
          idempotency: { scope: "i:1", fingerprint: "f", resend: null },
        })),
      );
      const { channels, tickets } = backplane;
      for (let index = 0; index < 50; index++) {
        tickets.put(`credential ${index}`, "value", 20_000, () => {});
        tickets.revoke(`user ${index}`, 20_000, () => {});
        const owner = { user: "u", instance: `i_${index}` };
        const change = {
          op: "set",
          key: `k${index}`,
          data: "1",
          expect: null,
          owner,
          holder: "s",
          ownOnly: true,
        } as const;
        channels.apply([{ channel: "state:1", options: state, change, done: () => {} }]);
      }
      await new Promise((done) => channels.remove("gone:1", LOG, done));
      for (let second = 0; second < 1_000; second += 5) {
        world.advance(5_000);
        await new Promise((done) => channels.snapshot("state:1", state, done));
      }
      expect(told.errors).toEqual([]);
      await closeStore(backplane);
      const counts = await kinds(folder.path);
      // What is left: heads and names of channels, history that is not old, the last change of state, and the fence.
      expect(counts).toEqual({ "0x01": 1, "0x02": 103, "0x03": 103, "0x04": 500, "0x07": 1, "0x08": 1, "0x66": 1 });
    },
  );
});
