import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import type { ConformanceCase } from "./conformance.ts";
import { failed, LOG, OWNED, ROOM, STATE, succeeded, type ConformanceWorld } from "./conformance-world.ts";

async function reopen(world: ConformanceWorld): Promise<void> {
  await world.close();
  await world.open();
}

function owner(instance: string): { readonly user: string; readonly instance: string } {
  return { user: "u", instance };
}

/** What a store that lasts still knows when it is opened again. */
export const durabilityCases: readonly ConformanceCase[] = [
  {
    name: "a store that lasts says so, and keeps publications with their positions",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      ok(world.backplane.channels.capabilities.durable);
      const start = await world.subscribe();
      const positions = await world.publishedMany(20);
      const before = await world.read(start);
      const history = await world.history(7);
      await reopen(world);
      deepEqual(await world.read(start), before);
      deepEqual(await world.history(7), history);
      equal(await world.subscribe(), positions[19]);
      const next = await world.published();
      deepEqual((await world.read(positions[19] ?? "")).pos, next);
    },
  },
  {
    name: "an empty channel has the same position after a restart",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      await reopen(world);
      equal(await world.subscribe(), start);
      await world.published();
      const page = await world.read(start);
      deepEqual([page.gap, page.records.length], [null, 1]);
    },
  },
  {
    name: "publication ids are remembered across a restart, under the same epoch and for the same window",
    needs: ["lasts"],
    async run(world) {
      await world.open({ idempotencyWindowMs: 10_000 });
      const epoch = world.backplane.channels.idempotencyEpoch;
      const idempotency = { scope: "i:i_1", fingerprint: "f", resend: null };
      const first = succeeded(await world.publish({ id: "p1", idempotency }));
      await world.pass(2_000);
      await world.close();
      await world.open({ idempotencyWindowMs: 10_000 });
      equal(world.backplane.channels.idempotencyEpoch, epoch);
      const resend = { epoch, at: first.at };
      const again = succeeded(await world.publish({ id: "p1", idempotency: { ...idempotency, resend } }));
      deepEqual([again.pos, again.at, again.duplicate], [first.pos, first.at, true]);
      equal(
        failed(await world.publish({ id: "p1", idempotency: { ...idempotency, fingerprint: "g" } })).code,
        "id_reused",
      );
      await world.pass(9_000);
      const late = await world.publish({ id: "p9", idempotency: { ...idempotency, resend } });
      equal(failed(late).code, "epoch_changed");
    },
  },
  {
    name: "an erasure is still one after a restart",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      await world.published({ id: "p1", data: '"secret"' });
      await world.published({ data: '"secret edit"', amend: { target: "p1", onlyBy: null } });
      await world.published({ data: null, amend: { target: "p1", onlyBy: null } });
      await reopen(world);
      ok(!(await world.everything()).includes("secret"));
      equal((await world.history(10)).records.length, 1);
    },
  },
  {
    name: "a removed channel stays removed, and its new life goes on",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      const [old] = await world.publishedMany(3);
      const top = await world.remove();
      await reopen(world);
      equal(await world.subscribe(), top);
      equal((await world.read(old ?? "")).gap, "epoch");
      equal((await world.history(10)).records.length, 0);
    },
  },
  {
    name: "history over its age while the store was closed is not read",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      const options = { ...LOG, historyTtlMs: 5_000 };
      await world.publishedMany(100, { options });
      await world.pass(4_000);
      const recent = await world.publishedMany(3, { options });
      await world.close();
      await world.pass(2_000);
      await world.open();
      equal((await world.history(1_000, null, options)).records.length, 3);
      await world.pass(4_000);
      equal((await world.history(1_000, null, options)).records.length, 0);
      equal(await world.subscribe(options), recent[2]);
    },
  },
  {
    name: "state channels keep their entries, versions and changes",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      await world.set({ key: "a" });
      const { pos } = succeeded(await world.set({ key: "b" }));
      await world.unset("a");
      await world.set({ key: "c" });
      const snapshot = await world.snapshot();
      const changes = await world.read(pos, STATE);
      await reopen(world);
      deepEqual(await world.snapshot(), snapshot);
      deepEqual(await world.read(pos, STATE), changes);
      equal(failed(await world.set({ key: "b", expect: 0 })).code, "conflict");
      equal(succeeded(await world.set({ key: "d" })).version, 5);
    },
  },
  {
    name: "an entry whose end came while the store was closed ends when it is open, as an ordered removal",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      const options = { ...STATE, ttlMs: 2_000 };
      const { pos } = succeeded(await world.set({ key: "a" }, options));
      await world.pass(1_000);
      await world.set({ key: "b" }, options);
      await world.close();
      await world.pass(1_500);
      await world.open();
      await world.subscribe(options);
      await world.until(() => world.delivered(ROOM).length > 0, "the end of an entry");
      deepEqual(
        (await world.snapshot(options)).records.map(({ key }) => key),
        ["b"],
      );
      const { records, gap } = await world.read(pos, options);
      equal(gap, null);
      deepEqual(
        records.map((record) => [record.kind, "key" in record && record.key]),
        [
          ["entry", "b"],
          ["removal", "a"],
        ],
      );
      await world.until(() => world.delivered(ROOM).length > 1, "the end of the other");
      deepEqual((await world.snapshot(options)).records, []);
    },
  },
  {
    name: "entries of instances that did not survive a restart get their grace, and go unless their owner came back",
    needs: ["lasts"],
    async run(world) {
      await world.open({ graceMs: 3_000 });
      await world.set({ key: "gone", owner: owner("i_1"), holder: "s_1" }, OWNED);
      await world.set({ key: "back", owner: owner("i_2"), holder: "s_2" }, OWNED);
      await world.set({ key: "nobody's" }, OWNED);
      await world.close();
      await world.open({ graceMs: 3_000 });
      await world.subscribe(OWNED);
      await world.pass(1_000);
      deepEqual(
        (await world.snapshot(OWNED)).records.map(({ key }) => key),
        ["gone", "back", "nobody's"],
      );
      const again = succeeded(await world.set({ key: "back", owner: owner("i_2"), holder: "s_3" }, OWNED));
      equal(again.version, 2, "coming back is no change");
      await world.set({ key: "new", owner: owner("i_4"), holder: "s_4" }, OWNED);
      await world.pass(2_500);
      await world.until(() => world.delivered(ROOM).length >= 2, "the end of what nobody came back for");
      deepEqual(
        (await world.snapshot(OWNED)).records.map(({ key }) => key),
        ["back", "nobody's", "new"],
      );
    },
  },
  {
    name: "credentials and revocations are known after a restart, and what was taken stays taken",
    needs: ["lasts"],
    async run(world) {
      await world.open({ tickets: 3 });
      await world.put("taken", "v");
      await world.put("kept", "v");
      await world.put("short", "v", 1_000);
      equal(await world.take("taken"), "v");
      await new Promise<void>((resolve) => world.backplane.tickets.revoke("ada", 60_000, () => resolve()));
      await world.close();
      await world.pass(1_500);
      await world.open({ tickets: 3 });
      equal(await world.take("taken"), null);
      equal(await world.take("short"), null);
      equal(await world.take("kept"), "v");
      const revokedAt = await new Promise<number>((resolve) => {
        world.backplane.tickets.revokedAt("ada", (answer) => resolve(answer.ok ? answer.value.revokedAt : -1));
      });
      notEqual(revokedAt, 0);
      for (const key of ["a", "b", "c"]) succeeded(await world.put(key, "v"));
      equal(failed(await world.put("d", "v")).code, "overloaded", "the count is right after a restart");
    },
  },
  {
    name: "what was asked for before the store is closed is answered",
    async run(world) {
      await world.open();
      const publishing = world.publishedMany(10);
      const setting = world.set({ key: "a" }, STATE, "cursors:1");
      await world.close();
      equal((await publishing).length, 10);
      succeeded(await setting);
    },
  },
];
