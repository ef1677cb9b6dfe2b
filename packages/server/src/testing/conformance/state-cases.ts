import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import type { ChannelRecord } from "../../backplane/records.ts";
import type { ConformanceCase } from "./conformance.ts";
import { failed, ROOM, STATE, succeeded, WIDE } from "./conformance-world.ts";

function summary(records: readonly ChannelRecord[]): (string | number | null)[][] {
  return records.map((record) => {
    if (record.kind === "entry") return [record.key, record.version, record.data === null ? null : String(record.data)];
    return record.kind === "removal" ? [record.key, record.version, "removed"] : [record.id];
  });
}

/** Keyed entries with versions. */
export const stateCases: readonly ConformanceCase[] = [
  {
    name: "entries are set and removed with growing versions, delivered in order, and read as a snapshot",
    async run(world) {
      await world.open();
      const start = await world.subscribe(STATE);
      const versions = [
        succeeded(await world.set({ key: "a", data: '"1"' })).version,
        succeeded(await world.set({ key: "b", data: '"2"' })).version,
        succeeded(await world.set({ key: "a", data: '"3"' })).version,
        succeeded(await world.unset("b")).version,
      ];
      deepEqual(versions, [1, 2, 3, 4]);
      const delivered = await world.deliveredCount(ROOM, 4);
      deepEqual(summary(delivered), [
        ["a", 1, '"1"'],
        ["b", 2, '"2"'],
        ["a", 3, '"3"'],
        ["b", 4, "removed"],
      ]);
      equal(world.deliveries[0]?.prev, start);
      const snapshot = await world.snapshot();
      deepEqual(summary(snapshot.records), [["a", 3, '"3"']]);
      equal(snapshot.pos, world.deliveries.at(-1)?.pos);
      equal(snapshot.pos, await world.subscribe(STATE));
    },
  },
  {
    name: "a snapshot is in order of versions, and includes what was asked for before it",
    async run(world) {
      await world.open();
      for (const key of ["c", "a", "b", "c"]) void world.set({ key, data: `"${key}"` });
      const { records } = await world.snapshot();
      deepEqual(
        records.map(({ key, version }) => [key, version]),
        [
          ["a", 2],
          ["b", 3],
          ["c", 4],
        ],
      );
    },
  },
  {
    name: "an entry keeps its owner, its bytes and its time",
    async run(world) {
      await world.open();
      const owner = { user: "Zoë", instance: "i_1" };
      await world.set({ key: "text", data: '"ü"', owner, holder: "s_1" });
      await world.set({ key: "bytes", data: new Uint8Array([1, 0, 255]) });
      const { records } = await world.snapshot();
      const [text, bytes] = records;
      deepEqual(text?.owner, owner);
      equal(text?.data, '"ü"');
      equal(bytes?.owner, null);
      ok(bytes?.data instanceof Uint8Array);
      deepEqual([...bytes.data], [1, 0, 255]);
      ok((text?.at ?? 0) <= world.now);
    },
  },
  {
    name: "a change with an expectation is made only if the entry has that version",
    async run(world) {
      await world.open();
      equal(succeeded(await world.set({ key: "a", expect: 0 })).version, 1);
      const conflict = failed(await world.set({ key: "a", expect: 0 }));
      deepEqual([conflict.code, conflict.version], ["conflict", 1]);
      equal(succeeded(await world.set({ key: "a", expect: 1 })).version, 2);
      const missing = failed(await world.unset("b", STATE, { expect: 7 }));
      deepEqual([missing.code, missing.version], ["conflict", 0]);
      equal(failed(await world.unset("a", STATE, { expect: 1 })).code, "conflict");
      equal(succeeded(await world.unset("a", STATE, { expect: 2 })).version, 3);
      equal(succeeded(await world.set({ key: "a", expect: 0 })).version, 4);
    },
  },
  {
    name: "of changes with the same expectation exactly one is made",
    async run(world) {
      await world.open();
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => world.set({ key: "a", data: `"${index}"`, expect: 0 })),
      );
      equal(results.filter(({ ok: isMade }) => isMade).length, 1);
    },
  },
  {
    name: "removing what is not there changes nothing",
    async run(world) {
      await world.open();
      await world.subscribe(STATE);
      const first = succeeded(await world.unset("a"));
      const { pos } = succeeded(await world.set({ key: "b" }));
      const second = succeeded(await world.unset("a"));
      deepEqual([first.version, second.version, second.pos], [0, 1, pos]);
      await world.deliveredCount(ROOM, 1);
      equal(world.delivered(ROOM).length, 1);
    },
  },
  {
    name: "changes since a position are the latest of each key, in order, removals included, in pages that join",
    async run(world) {
      await world.open();
      await world.set({ key: "old" });
      const start = succeeded(await world.set({ key: "a" })).pos;
      for (const key of ["b", "c", "a", "b", "d"]) await world.set({ key });
      await world.unset("c");
      const top = succeeded(await world.set({ key: "e" })).pos;
      const whole = await world.read(start, STATE, WIDE);
      deepEqual([whole.gap, whole.atTop, whole.pos], [null, true, top]);
      deepEqual(summary(whole.records), [
        ["a", 5, '"a"'],
        ["b", 6, '"b"'],
        ["d", 7, '"d"'],
        ["c", 8, "removed"],
        ["e", 9, '"e"'],
      ]);
      const read: ChannelRecord[] = [];
      let at = start;
      for (let isAtTop = false; !isAtTop;) {
        const page = await world.read(at, STATE, { items: 2, bytes: 1e6 });
        equal(page.gap, null);
        equal(page.prev, at);
        read.push(...page.records);
        at = page.pos;
        isAtTop = page.atTop;
      }
      deepEqual(read, whole.records);
      deepEqual((await world.read(top, STATE)).records, []);
    },
  },
  {
    name: "whoever is older than the journal is told to take a snapshot",
    async run(world) {
      await world.open({ stateJournal: 5 });
      const start = await world.subscribe(STATE);
      const positions: string[] = [];
      for (let index = 0; index < 12; index++) positions.push(succeeded(await world.set({ key: `k${index % 4}` })).pos);
      await world.unset("k0");
      const old = await world.read(start, STATE);
      notEqual(old.gap, null);
      deepEqual([old.records.length, old.atTop], [0, true]);
      notEqual((await world.read(positions[6] ?? "", STATE)).gap, null);
      const page = await world.read(positions[8] ?? "", STATE);
      deepEqual([page.gap, page.records.length], [null, 4]);
      notEqual((await world.read("nonsense", STATE)).gap, null);
    },
  },
  {
    name: "a removed key that comes back is an entry like any other",
    async run(world) {
      await world.open({ stateJournal: 3 });
      const { pos } = succeeded(await world.set({ key: "a" }));
      await world.unset("a");
      await world.set({ key: "a", data: '"again"' });
      const page = await world.read(pos, STATE);
      deepEqual(summary(page.records), [["a", 3, '"again"']]);
      for (const key of ["b", "c", "d", "e"]) await world.set({ key });
      deepEqual(
        (await world.snapshot()).records.map(({ key }) => key),
        ["a", "b", "c", "d", "e"],
      );
    },
  },
  {
    name: "the number of entries is bounded, and room is made by removals",
    async run(world) {
      await world.open({ stateEntries: 3 });
      for (const key of ["a", "b", "c"]) succeeded(await world.set({ key }));
      equal(failed(await world.set({ key: "d" })).code, "too_large");
      succeeded(await world.set({ key: "a", data: '"changed"' }));
      await world.unset("b");
      succeeded(await world.set({ key: "d" }));
    },
  },
  {
    name: "an entry with a TTL ends by itself: an ordered removal that is delivered",
    async run(world) {
      await world.open();
      const options = { ...STATE, ttlMs: 1_000 };
      await world.subscribe(options);
      await world.set({ key: "a" }, options);
      await world.pass(600);
      await world.set({ key: "b" }, options);
      await world.set({ key: "c" }, options);
      await world.pass(500);
      await world.deliveredCount(ROOM, 4);
      deepEqual(summary(world.delivered(ROOM)).at(-1), ["a", 4, "removed"]);
      deepEqual(
        (await world.snapshot(options)).records.map(({ key }) => key),
        ["b", "c"],
      );
      const delivered = await world.deliveredCount(ROOM, 6);
      deepEqual(
        delivered.slice(4).map(({ kind }) => kind),
        ["removal", "removal"],
      );
      deepEqual((await world.snapshot(options)).records, []);
      for (const [index, { prev }] of world.deliveries.entries())
        if (index > 0) equal(prev, world.deliveries[index - 1]?.pos);
    },
  },
  {
    name: "an entry that is set again before its end lives on for the whole TTL",
    async run(world) {
      await world.open();
      const options = { ...STATE, ttlMs: 1_000 };
      await world.subscribe(options);
      await world.set({ key: "a", data: '"1"' }, options);
      for (let count = 0; count < 4; count++) {
        await world.pass(600);
        succeeded(await world.set({ key: "a", data: `"${count}"` }, options));
      }
      deepEqual(
        (await world.snapshot(options)).records.map(({ key }) => key),
        ["a"],
      );
      await world.until(() => world.delivered(ROOM).at(-1)?.kind === "removal", "the end of the entry");
    },
  },
  {
    name: "removing a state channel begins a new epoch",
    async run(world) {
      await world.open();
      const { pos } = succeeded(await world.set({ key: "a" }));
      const top = await world.remove(STATE);
      notEqual((await world.read(pos, STATE)).gap, null);
      deepEqual(await world.snapshot(), { pos: top, records: [] });
      equal(succeeded(await world.set({ key: "b", expect: 0 })).version, 1);
      deepEqual(
        (await world.snapshot()).records.map(({ key }) => key),
        ["b"],
      );
    },
  },
];
