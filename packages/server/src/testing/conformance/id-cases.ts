import { deepEqual, equal, notEqual } from "node:assert/strict";
import type { AppendResult } from "../../backplane/channel-store.ts";
import type { ConformanceCase } from "./conformance.ts";
import { failed, LOG, ROOM, succeeded, type Publish } from "./conformance-world.ts";

/** A publish of a client, that can be told from others of the same id. */
function once(
  id: string,
  more: { readonly scope?: string; readonly data?: string; readonly resend?: { epoch: string; at: number } } = {},
): Publish {
  const { scope = "i:i_1", data = '"data"', resend = null } = more;
  return { id, data, idempotency: { scope, fingerprint: `hash of ${data}`, resend } };
}

function place(result: AppendResult): readonly [string, number] {
  const { pos, at } = succeeded(result);
  return [pos, at];
}

/** Publishing once (P3), and the order of what could not be published (P2). */
export const idCases: readonly ConformanceCase[] = [
  {
    name: "a publish that is repeated gets the first result, and appends nothing",
    async run(world) {
      await world.open();
      await world.subscribe();
      const first = await world.publish(once("p1"));
      await world.pass(100);
      const second = await world.publish(once("p1"));
      deepEqual(place(second), place(first));
      deepEqual([succeeded(first).duplicate, succeeded(second).duplicate], [false, true]);
      await world.published();
      await world.deliveredCount(ROOM, 2);
      equal((await world.history(10)).records.length, 2);
      equal(world.delivered(ROOM).length, 2);
    },
  },
  {
    name: "a repetition that overtakes the first attempt's answer waits for it, in one batch or several",
    async run(world) {
      await world.open();
      const sent = [once("p1"), once("p2"), once("p1")].map((more) => world.request(more));
      const [[first, , third], [fourth]] = await Promise.all([
        world.append(sent),
        world.append([world.request(once("p1"))]),
      ]);
      if (first === undefined || third === undefined || fourth === undefined) throw new Error("Expected results.");
      deepEqual(place(third), place(first));
      deepEqual(place(fourth), place(first));
      deepEqual(
        [first, third, fourth].map((result) => succeeded(result).duplicate),
        [false, true, true],
      );
      equal((await world.history(10)).records.length, 2);
    },
  },
  {
    name: "the same id with other data is refused, before and after the first attempt's answer",
    async run(world) {
      await world.open();
      const sent = [once("p1"), once("p1", { data: '"other"' })].map((more) => world.request(more));
      const [, second] = await world.append(sent);
      equal(second?.ok === false && second.code, "id_reused");
      equal(failed(await world.publish(once("p1", { data: '"other"' }))).code, "id_reused");
      equal((await world.history(10)).records.length, 1);
    },
  },
  {
    name: "an id is one of its channel and scope; among what is retained it stands for one publication",
    async run(world) {
      await world.open();
      const first = succeeded(await world.publish(once("p1")));
      const elsewhere = succeeded(await world.publish({ ...once("p1"), channel: "chat:other" }));
      notEqual(elsewhere.pos, first.pos);
      equal(elsewhere.duplicate, false);
      equal(failed(await world.publish(once("p1", { scope: "i:i_2" }))).code, "id_reused");
      equal(failed(await world.publish({ id: "p1" })).code, "id_reused");
    },
  },
  {
    name: "an id is remembered though its publication is not retained",
    async run(world) {
      await world.open();
      const options = { ...LOG, historySize: 0 };
      const first = await world.publish({ ...once("p1"), options });
      const second = await world.publish({ ...once("p1"), options });
      deepEqual(place(second), place(first));
      equal(succeeded(second).duplicate, true);
    },
  },
  {
    name: "an id whose publication is gone can be used again, once it is over the window",
    async run(world) {
      await world.open({ idempotencyWindowMs: 1_000 });
      const options = { ...LOG, historyTtlMs: 1_000 };
      const first = succeeded(await world.publish({ ...once("p1"), options }));
      await world.pass(2_500);
      const second = succeeded(await world.publish({ ...once("p1", { data: '"new"' }), options }));
      equal(second.duplicate, false);
      notEqual(second.pos, first.pos);
      succeeded(await world.publish({ data: '"edited"', options, amend: { target: "p1", onlyBy: null } }));
      const { records } = await world.history(10, null, options);
      deepEqual(
        records.map(({ data }) => data),
        ['"edited"'],
      );
    },
  },
  {
    name: "a repetition that can't be checked any more is refused: after the window, or under another memory",
    async run(world) {
      await world.open({ idempotencyWindowMs: 1_000 });
      const epoch = world.backplane.channels.idempotencyEpoch;
      const { at } = succeeded(await world.publish(once("p1")));
      equal(succeeded(await world.publish(once("p1", { resend: { epoch, at } }))).duplicate, true);
      const unseen = succeeded(await world.publish(once("p2", { resend: { epoch, at: world.now } })));
      equal(unseen.duplicate, false, "an attempt that never arrived lands now");
      const strange = await world.publish(once("p3", { resend: { epoch: "another", at: world.now } }));
      equal(failed(strange).code, "epoch_changed");
      await world.pass(2_500);
      equal(failed(await world.publish(once("p4", { resend: { epoch, at } }))).code, "epoch_changed");
    },
  },
  {
    name: "amendments are made once, as publications are",
    async run(world) {
      await world.open();
      await world.published({ id: "p1" });
      const change = { ...once("a1"), amend: { target: "p1", onlyBy: null } };
      const [first, second] = [await world.publish(change), await world.publish(change)];
      deepEqual(place(second), place(first));
      equal(succeeded(second).duplicate, true);
    },
  },
  {
    name: "the memory of ids is bounded by refusing new ones, and what is behind a refusal in its batch is held back",
    async run(world) {
      await world.open({ idempotencyEntries: 3, idempotencyWindowMs: 1_000 });
      const sent = [
        once("p1"),
        once("p2"),
        once("p3"),
        once("p4"),
        once("p5"),
        once("p1"),
        once("q1", { scope: "i:i_2" }),
        { id: "s1" },
        { ...once("p6"), channel: "chat:other" },
      ];
      const results = await world.append(sent.map((more) => world.request(more)));
      deepEqual(
        results.map((result) => (result.ok ? "ok" : result.code)),
        ["ok", "ok", "ok", "overloaded", "out_of_order", "out_of_order", "overloaded", "ok", "overloaded"],
      );
      equal(succeeded(await world.publish(once("p1"))).duplicate, true, "what is known is still known");
      await world.pass(2_500);
      succeeded(await world.publish(once("p4")));
    },
  },
];
