import { deepEqual, equal, ok } from "node:assert/strict";
import type { ChannelRecord } from "../../backplane/records.ts";
import type { ConformanceCase } from "./conformance.ts";
import { failed, LOG, ROOM, succeeded, type ConformanceWorld } from "./conformance-world.ts";

function amendment(
  world: ConformanceWorld,
  target: string,
  data: string | null,
  onlyBy: string | null = null,
): ReturnType<ConformanceWorld["publish"]> {
  return world.publish({ data, amend: { target, onlyBy } });
}

/** Edit, delete and erasure. */
export const amendCases: readonly ConformanceCase[] = [
  {
    name: "an amendment changes the publication in history, and comes to subscribers as an item of its own",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      const first = await world.published({ id: "p1", data: '"old"', publisher: { user: "ada", instance: "i_1" } });
      await world.published({ id: "p2" });
      const { pos } = succeeded(await amendment(world, "p1", '"new"'));
      const delivered = await world.deliveredCount(ROOM, 3);
      const last = delivered.at(-1);
      ok(last?.kind === "amend");
      deepEqual([last.amend, last.data], ["p1", '"new"']);
      const page = await world.read(start);
      deepEqual(
        page.records.map((record) => "data" in record && record.data),
        ['"new"', '"p2"', '"new"'],
      );
      equal(page.pos, pos);
      equal((await world.read(first)).gap, null, "no position has moved");
      const { records } = await world.history(10);
      deepEqual(
        records.map(({ id, data }) => [id, data]),
        [
          ["p1", '"new"'],
          ["p2", '"p2"'],
        ],
      );
      deepEqual(records[0]?.publisher, { user: "ada", instance: "i_1" }, "it is still its publisher's");
    },
  },
  {
    name: "an amendment brings the version of its data, in history and for those who catch up",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      await world.published({ id: "p1", version: 2 });
      await world.published({ id: "p2", version: 2 });
      succeeded(await world.publish({ data: '"new"', version: 70_000, amend: { target: "p1", onlyBy: null } }));
      deepEqual(versions(await world.deliveredCount(ROOM, 3)), [2, 2, 70_000]);
      deepEqual(versions((await world.read(start)).records), [70_000, 2, 70_000]);
      succeeded(await world.publish({ data: '"newer"', version: 3, amend: { target: "p1", onlyBy: null } }));
      deepEqual(versions((await world.history(10)).records), [3, 2]);
    },
  },
  {
    name: "an erasure leaves no copy of the payload, earlier edits included",
    async run(world) {
      await world.open();
      const start = await world.subscribe();
      await world.published({ id: "p1", data: '"secret one"' });
      await amendment(world, "p1", '"secret two"');
      await world.published({ id: "p2", data: '"other"' });
      await amendment(world, "p1", '"secret three"');
      ok((await world.everything()).includes("secret"));
      succeeded(await amendment(world, "p1", null));
      const everything = await world.everything();
      ok(!everything.includes("secret"), "no copy is left");
      ok(everything.includes("other"), "what was not meant is still there");
      const { records, gap } = await world.read(start);
      equal(gap, null);
      equal(records.length, 5, "erased entries are tombstones, not holes");
    },
  },
  {
    name: "amendments reach a publication in the same batch, and follow each other",
    async run(world) {
      await world.open();
      await world.append([
        world.request({ id: "p1", data: '"one"' }),
        world.request({ data: '"two"', amend: { target: "p1", onlyBy: null } }),
        world.request({ data: '"three"', amend: { target: "p1", onlyBy: null } }),
      ]);
      const { records } = await world.history(10);
      deepEqual(
        records.map(({ data }) => data),
        ['"three"'],
      );
      ok(!(await world.everything()).includes("one"));
    },
  },
  {
    name: "bytes can take the place of text",
    async run(world) {
      await world.open();
      await world.published({ id: "p1", data: '"text"' });
      succeeded(await world.publish({ data: new Uint8Array([7, 8]), amend: { target: "p1", onlyBy: null } }));
      const [record] = (await world.history(1)).records;
      ok(record?.data instanceof Uint8Array);
      deepEqual([...record.data], [7, 8]);
    },
  },
  {
    name: "only a publication that is retained can be amended",
    async run(world) {
      await world.open();
      equal(failed(await amendment(world, "p1", null)).code, "unknown_publication");
      const options = { ...LOG, historySize: 2 };
      const change = { data: null, options, amend: { target: "p1", onlyBy: null } };
      await world.published({ id: "p1", options });
      await world.publishedMany(2, { options });
      equal(failed(await world.publish(change)).code, "unknown_publication", "it was over the size");
      const short = { ...LOG, historyTtlMs: 500 };
      await world.published({ id: "p2", channel: "chat:short", options: short });
      await world.pass(600);
      const late = { ...change, channel: "chat:short", options: short, amend: { target: "p2", onlyBy: null } };
      equal(failed(await world.publish(late)).code, "unknown_publication", "it was over the age");
    },
  },
  {
    name: "a publication outlives its first copy in its amendments",
    async run(world) {
      await world.open();
      const options = { ...LOG, historySize: 3 };
      await world.published({ id: "p1", options, publisher: { user: "ada", instance: "i_1" } });
      const change = (data: string): Parameters<ConformanceWorld["publish"]>[0] => ({
        data,
        options,
        amend: { target: "p1", onlyBy: "ada" },
      });
      await world.published(change('"edit one"'));
      await world.publishedMany(2, { options });
      succeeded(await world.publish(change('"edit two"')));
      ok(!(await world.everything()).includes("edit one"));
      await world.publishedMany(3, { options });
      equal(failed(await world.publish(change('"edit three"'))).code, "unknown_publication");
    },
  },
  {
    name: "whoever may amend only what is its own is held to it",
    async run(world) {
      await world.open();
      await world.published({ id: "p1", publisher: { user: "ada", instance: "i_1" } });
      await world.published({ id: "p2" });
      equal(failed(await amendment(world, "p1", null, "bob")).code, "not_owner");
      equal(
        failed(await amendment(world, "p2", null, "bob")).code,
        "not_owner",
        "what the application published is nobody's",
      );
      succeeded(await amendment(world, "p1", '"edited"', "ada"));
      succeeded(await world.publish({ data: '"by the application"', amend: { target: "p1", onlyBy: null } }));
      succeeded(await amendment(world, "p1", null, "ada"));
    },
  },
  {
    name: "an amendment of what expires expires with it",
    async run(world) {
      await world.open();
      await world.published({ id: "p1", data: '"secret one"', expiresInMs: 500 });
      await amendment(world, "p1", '"secret two"');
      ok((await world.everything()).includes("secret two"));
      await world.pass(600);
      ok(!(await world.everything()).includes("secret"));
    },
  },
];

/** Versions of the schemas that the data of records was written under. */
function versions(records: readonly ChannelRecord[]): unknown {
  return records.map((record) => "version" in record && record.version);
}
