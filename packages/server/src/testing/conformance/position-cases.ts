import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import type { ConformanceCase } from "./conformance.ts";
import { LOG, ROOM, STATE, succeeded } from "./conformance-world.ts";

/** What positions prove, and what a store says of those that prove nothing (P4, P5). */
export const positionCases: readonly ConformanceCase[] = [
  {
    name: "removing a channel begins a new epoch: everything is gone, old positions get a gap, subscribers are told",
    async run(world) {
      await world.open();
      await world.subscribe();
      const [old] = await world.publishedMany(3, {});
      await world.deliveredCount(ROOM, 3);
      const count = world.deliveries.length;
      const top = await world.remove();
      await world.until(() => world.deliveries.length > count, "a delivery that tells of it");
      const told = world.deliveries.at(-1);
      deepEqual(told?.records, []);
      notEqual(told?.prev, world.deliveries[count - 1]?.pos, "it does not continue what was delivered");
      const page = await world.read(old ?? "");
      deepEqual([page.gap, page.records.length, page.atTop], ["epoch", 0, true]);
      equal(page.pos, top);
      equal((await world.history(10)).records.length, 0);
      const next = await world.published({ id: "id-1" });
      equal((await world.read(top)).pos, next);
    },
  },
  {
    name: "appends before a removal are gone with it, and those behind it are in the new life",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      const [before, top, after] = await Promise.all([world.published(), world.remove(), world.published()]);
      equal((await world.read(before)).gap, "epoch");
      equal((await world.read(start)).gap, "epoch");
      const page = await world.read(top);
      deepEqual([page.gap, page.records.length, page.pos], [null, 1, after]);
    },
  },
  {
    name: "a position that proves nothing gets a gap that says why, and then what is left",
    async run(world) {
      await world.open();
      const positions = await world.publishedMany(5);
      const third = positions[2] ?? "";
      const [epoch = "", offset = "", tag = ""] = third.split(".");
      const strange = await world.published({ channel: "chat:other" });
      const cases: readonly (readonly [string, string, string | null])[] = [
        [third, "a good one", null],
        ["nonsense", "no position", "unreadable"],
        ["", "nothing", "unreadable"],
        [strange, "one of another channel", "epoch"],
      ];
      for (const [position, what, gap] of cases) {
        const page = await world.read(position);
        equal(page.gap, gap, what);
        equal(page.records.length, gap === null ? 2 : 5, what);
        ok(page.atTop);
      }
      // Positions are opaque. Whoever knows how these are made may look what happens to those that are made up.
      if (tag === "" || offset === "") return;
      equal((await world.read(`${epoch}.${offset}.AAAAAAAAAAA`)).gap, "rollback", "another tag");
      equal((await world.read(`${epoch}.zz.${tag}`)).gap, "rollback", "beyond the top");
    },
  },
  {
    name: "a store that was put back from an old copy is found out, though epoch and offset fit again",
    needs: ["lasts", "copies"],
    async run(world) {
      await world.open();
      await world.publishedMany(3);
      await world.close();
      const restore = await world.copy();
      await world.open();
      const lost = await world.publishedMany(3, { data: '"lost"' });
      await world.close();
      await restore();
      await world.pass(10);
      await world.open();
      const ahead = await world.read(lost[2] ?? "");
      deepEqual([ahead.gap, ahead.records.length], ["rollback", 3], "beyond the top that was put back");
      const again = await world.publishedMany(4, { data: '"again"' });
      for (const [index, position] of lost.entries()) {
        const [epoch, offset, tag] = position.split(".");
        const [sameEpoch, sameOffset, otherTag] = (again[index] ?? "").split(".");
        deepEqual([sameEpoch, sameOffset], [epoch, offset], "epoch and offset alone would be fooled");
        notEqual(otherTag, tag);
        const page = await world.read(position);
        deepEqual([page.gap, page.records.length], ["rollback", 7]);
      }
      equal((await world.read(again[1] ?? "")).gap, null, "what is good stays good");
    },
  },
  {
    name: "what is published again after a copy was put back lands once, in another place",
    needs: ["lasts", "copies"],
    async run(world) {
      await world.open();
      await world.published();
      await world.close();
      const restore = await world.copy();
      await world.open();
      const epoch = world.backplane.channels.idempotencyEpoch;
      const idempotency = { scope: "i:i_1", fingerprint: "f", resend: null };
      const first = succeeded(await world.publish({ id: "p1", idempotency }));
      await world.close();
      await restore();
      await world.pass(10);
      await world.open();
      const resend = { epoch, at: first.at };
      const again = succeeded(await world.publish({ id: "p1", idempotency: { ...idempotency, resend } }));
      equal(again.duplicate, false);
      const once = succeeded(await world.publish({ id: "p1", idempotency: { ...idempotency, resend } }));
      deepEqual([once.duplicate, once.pos], [true, again.pos]);
      equal((await world.read(first.pos)).gap, "rollback");
    },
  },
  {
    name: "a state channel that was put back from an old copy is found out",
    needs: ["lasts", "copies"],
    async run(world) {
      await world.open();
      await world.set({ key: "a" });
      await world.close();
      const restore = await world.copy();
      await world.open();
      const { pos } = succeeded(await world.set({ key: "b", data: '"lost"' }));
      await world.close();
      await restore();
      await world.pass(10);
      await world.open();
      notEqual((await world.read(pos, STATE)).gap, null);
      succeeded(await world.set({ key: "b", data: '"again"' }));
      notEqual((await world.read(pos, STATE)).gap, null, "though the version fits again");
    },
  },
  {
    name: "a position before the first publication is good until something is trimmed",
    async run(world) {
      await world.open();
      const options = { ...LOG, historySize: 2 };
      const start = await world.subscribe(options);
      await world.publishedMany(2, { options });
      equal((await world.read(start, options)).gap, null);
      await world.published({ options });
      equal((await world.read(start, options)).gap, "trimmed");
    },
  },
];
