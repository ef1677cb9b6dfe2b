import { deepEqual, equal, ok } from "node:assert/strict";
import type { ChannelRecord } from "../../backplane/records.ts";
import type { ConformanceCase } from "./conformance.ts";
import { LOG, ROOM, succeeded, type Delivered } from "./conformance-world.ts";

/** Ids of records in order. */
function ids(records: readonly ChannelRecord[]): string[] {
  return records.map((record) => ("id" in record ? record.id : record.key));
}

function assertLinked(deliveries: readonly Delivered[], start: string): void {
  let at = start;
  for (const { prev, pos } of deliveries) {
    equal(prev, at, "a delivery starts where the one before it ended");
    at = pos;
  }
}

/** Order, contiguity, pages, and what is kept. */
export const logCases: readonly ConformanceCase[] = [
  {
    name: "publications are delivered and read in the order in which they were appended",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      const sent = Array.from({ length: 30 }, () => world.request());
      const results = await Promise.all(
        [sent.slice(0, 10), sent.slice(10, 11), sent.slice(11)].map((batch) => world.append(batch)),
      );
      const delivered = await world.deliveredCount(ROOM, sent.length);
      deepEqual(
        ids(delivered),
        sent.map(({ id }) => id),
      );
      const page = await world.read(start);
      deepEqual(page.records, delivered);
      equal(
        page.pos,
        results
          .flat()
          .map((result) => succeeded(result).pos)
          .at(-1),
      );
      assertLinked(world.deliveries, start);
    },
  },
  {
    name: "each delivery starts where the one before it ended, and ends where its last result says",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      for (let count = 0; count < 5; count++) await world.publishedMany(count + 1);
      await world.deliveredCount(ROOM, 15);
      assertLinked(world.deliveries, start);
      equal(world.deliveries.at(-1)?.pos, await world.subscribe(), "the top is the end of the last delivery");
    },
  },
  {
    name: "pages join without a hole, whatever their bounds",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      const sent = Array.from({ length: 25 }, () => world.request({ data: `"${"x".repeat(100)}"` }));
      await world.append(sent);
      for (const bounds of [
        { items: 1, bytes: 1e6 },
        { items: 7, bytes: 1e6 },
        { items: 1e6, bytes: 250 },
        { items: 1e6, bytes: 1 },
      ]) {
        const read: string[] = [];
        let at = start;
        for (let isAtTop = false; !isAtTop;) {
          const page = await world.read(at, LOG, bounds);
          equal(page.gap, null);
          equal(page.prev, at, "a page starts where it was asked for");
          ok(
            page.records.length > 0 && page.records.length <= bounds.items,
            "a page holds something, within its bound",
          );
          read.push(...ids(page.records));
          at = page.pos;
          isAtTop = page.atTop;
        }
        deepEqual(
          read,
          sent.map(({ id }) => id),
        );
      }
    },
  },
  {
    name: "a read from the top is empty, and says that it is the top",
    async run(world) {
      await world.open();
      const top = await world.published();
      deepEqual(await world.read(top), { prev: top, pos: top, records: [], atTop: true, gap: null });
    },
  },
  {
    name: "whoever subscribes and then reads misses nothing, whatever is appended meanwhile",
    async run(world) {
      await world.open();
      await world.publishedMany(3);
      const before = world.publishedMany(5);
      const start = await world.subscribe();
      const after = world.publishedMany(5);
      const [last] = (await Promise.all([after, before])).map((positions) => positions.at(-1));
      await world.until(() => world.deliveries.at(-1)?.pos === last, "delivery up to the top");
      const { records, gap, pos } = await world.read(start);
      deepEqual([gap, pos], [null, last]);
      ok(records.length >= 5, "what was appended after the subscription comes after its position");
      deepEqual(world.delivered(ROOM).slice(-records.length), records.slice(-world.delivered(ROOM).length));
      deepEqual(world.delivered(ROOM).slice(-5), records.slice(-5));
    },
  },
  {
    name: "what was acknowledged is in the next page that is read",
    async run(world) {
      await world.open();
      let at = await world.subscribe();
      for (let count = 0; count < 20; count++) {
        const pos = await world.published();
        const page = await world.read(at);
        equal(page.pos, pos);
        equal(page.records.length, 1);
        at = pos;
      }
    },
  },
  {
    name: "nothing is delivered before a subscription, for another channel, or after its end",
    async run(world) {
      await world.open();
      await world.published();
      await world.subscribe();
      await world.published({ channel: "chat:other" });
      const pos = await world.published();
      await world.until(() => world.deliveries.length > 0, "a delivery");
      world.backplane.channels.unsubscribe(ROOM);
      await world.published();
      await world.pass(20);
      equal(world.deliveries.length, 1);
      equal(world.deliveries[0]?.pos, pos);
    },
  },
  {
    name: "subscribing again while delivery is active loses nothing",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      const publishing = world.publishedMany(3);
      await world.subscribe();
      await publishing;
      await world.subscribe();
      await world.publishedMany(3);
      await world.deliveredCount(ROOM, 6);
      assertLinked(world.deliveries, start);
    },
  },
  {
    name: "a publication comes back as it was sent: text, bytes, nothing, and all that goes with it",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      const publisher = { user: "Zoë 🔔", instance: "i_abc" };
      const bytes = new Uint8Array([0, 255, 1, 254]);
      const text = JSON.stringify({ text: 'Grüße, 世界 🎶 \u0000 " \\', deep: [1, null, { a: true }] });
      const tags = { lang: "de", __proto: "x" };
      await world.published({
        data: text,
        publisher,
        tags,
        meta: { traceparent: "00-ab" },
        version: 70_000,
        expiresInMs: 60_000,
      });
      await world.published({ data: bytes });
      await world.published({ data: JSON.stringify("x".repeat(60_000)) });
      await world.deliveredCount(ROOM, 3);
      const { records } = await world.read(start);
      deepEqual(records, world.delivered(ROOM));
      const [first, second, third] = records;
      ok(first?.kind === "publication" && second?.kind === "publication" && third?.kind === "publication");
      const { data, publisher: by, tags: tagged, meta, version, expires, at } = first;
      deepEqual(
        { data, by, tagged, meta, version },
        { data: text, by: publisher, tagged: tags, meta: { traceparent: "00-ab" }, version: 70_000 },
      );
      equal(expires, at + 60_000);
      ok(second.data instanceof Uint8Array, "bytes come back as bytes");
      deepEqual([...second.data], [...bytes]);
      deepEqual([second.publisher, second.tags, second.meta, second.expires], [null, null, null, 0]);
      equal(third.data?.length, 60_002);
    },
  },
  {
    name: "history over its size is let go of, and whoever is older gets one gap, then what is left",
    async run(world) {
      await world.open();
      const options = { ...LOG, historySize: 10 };
      const start = await world.subscribe(options);
      const positions: string[] = [];
      // Enough for a store that trims in strides, on either side of a stride.
      for (const count of [35, 300, 1, 64]) {
        positions.push(...(await world.publishedMany(count, { options })));
        const last = positions.length - 1;
        const page = await world.read(start, options);
        deepEqual(
          [page.gap, page.prev, page.pos, page.records.length],
          ["trimmed", positions[last - 10], positions[last], 10],
        );
        equal((await world.read(positions[last - 11] ?? "", options)).gap, "trimmed");
        const oldest = await world.read(positions[last - 10] ?? "", options);
        deepEqual([oldest.gap, oldest.records.length], [null, 10]);
        const { records, more } = await world.history(100, null, options);
        deepEqual([records.length, more], [10, false]);
        await world.pass(2_000);
      }
    },
  },
  {
    name: "history over its age is let go of, though nobody publishes any more",
    async run(world) {
      await world.open();
      // A second of slack at each look: on a busy machine a store on the real clock is that late.
      const options = { ...LOG, historyTtlMs: 3_000 };
      const start = await world.subscribe(options);
      const [, second] = await world.publishedMany(2, { options });
      await world.pass(2_000);
      const third = await world.published({ options });
      equal((await world.read(start, options)).records.length, 3);
      await world.pass(1_500);
      const page = await world.read(start, options);
      deepEqual([page.gap, page.prev, page.pos, page.records.length], ["trimmed", second, third, 1]);
      await world.pass(2_000);
      const last = await world.read(second ?? "", options);
      deepEqual([last.gap, last.prev, last.pos, last.records.length], ["trimmed", third, third, 0]);
      equal((await world.history(10, null, options)).records.length, 0);
      equal((await world.read(third, options)).gap, null, "the top outlives what is kept");
    },
  },
  {
    name: "a log that keeps nothing delivers all the same, and its top goes on",
    async run(world) {
      await world.open();
      const options = { ...LOG, historySize: 0 };
      const start = await world.subscribe(options);
      const top = await world.published({ options });
      await world.deliveredCount(ROOM, 1);
      const page = await world.read(start, options);
      deepEqual([page.gap, page.records.length, page.pos], ["trimmed", 0, top]);
      equal((await world.read(top, options)).gap, null);
    },
  },
  {
    name: "a payload that has expired reads as erased, and its publication is still there",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      await world.published({ data: '"secret"', expiresInMs: 500 });
      ok((await world.everything()).includes("secret"));
      await world.pass(600);
      const { records } = await world.read(start);
      deepEqual(
        records.map((record) => "data" in record && record.data),
        [null],
      );
      ok(!(await world.everything()).includes("secret"));
    },
  },
  {
    name: "history is read backwards, in pages that join, and includes what was appended before it was asked for",
    async run(world) {
      await world.open();
      const sent = Array.from({ length: 20 }, () => world.request());
      void world.append(sent);
      const read: string[] = [];
      let before: string | null = null;
      for (let hasMore = true; hasMore;) {
        const page = await world.history(6, before);
        if (before !== null) equal(page.pos, before);
        read.unshift(...ids(page.records));
        before = page.prev;
        hasMore = page.more;
      }
      deepEqual(
        read,
        sent.map(({ id }) => id),
      );
    },
  },
];
