import { deepEqual, equal } from "node:assert/strict";
import type { ConformanceCase } from "./conformance.ts";
import { failed, OWNED, ROOM, succeeded, type Change, type ConformanceWorld } from "./conformance-world.ts";

/** An entry that an instance sets for itself, over one of its sessions. */
function own(key: string, instance: string, holder: string, data: string = `"${key}"`): Change {
  return { key, data, owner: { user: `user of ${instance}`, instance }, holder, ownOnly: true };
}

function release(world: ConformanceWorld, instance: string, holder: string): ReturnType<ConformanceWorld["apply"]> {
  return world.apply(ROOM, OWNED, { op: "release", instance, holder });
}

async function keys(world: ConformanceWorld): Promise<string[]> {
  return (await world.snapshot(OWNED)).records.map(({ key }) => key);
}

/** Entries that end with the instance that set them: presence, cursors, typing. */
export const ownershipCases: readonly ConformanceCase[] = [
  {
    name: "an entry that belongs to an instance is refused to others, unless they may do it for anybody",
    async run(world) {
      await world.open();
      succeeded(await world.set(own("a", "i_1", "s_1"), OWNED));
      equal(failed(await world.set(own("a", "i_2", "s_2"), OWNED)).code, "not_owner");
      equal(failed(await world.unset("a", OWNED, { onlyBy: "i_2" })).code, "not_owner");
      succeeded(await world.set(own("a", "i_1", "s_1", '"changed"'), OWNED));
      succeeded(await world.set({ ...own("a", "i_2", "s_2"), ownOnly: false }, OWNED));
      equal(failed(await world.unset("a", OWNED, { onlyBy: "i_1" })).code, "not_owner", "it has a new owner");
      succeeded(await world.unset("a", OWNED, { onlyBy: "i_2" }));
      succeeded(await world.set({ key: "b" }, OWNED));
      equal(failed(await world.set(own("b", "i_1", "s_1"), OWNED)).code, "not_owner", "nobody's is not one's own");
    },
  },
  {
    name: "a release ends what the instance owns and the session holds, and nothing else",
    async run(world) {
      await world.open();
      await world.subscribe(OWNED);
      await world.set(own("a", "i_1", "s_1"), OWNED);
      await world.set(own("b", "i_2", "s_2"), OWNED);
      await world.set(own("c", "i_1", "s_1"), OWNED);
      await world.set({ key: "d" }, OWNED);
      await world.set(own("e", "i_1", "s_9"), OWNED);
      succeeded(await release(world, "i_1", "s_1"));
      deepEqual(await keys(world), ["b", "d", "e"]);
      const delivered = await world.deliveredCount(ROOM, 7);
      deepEqual(
        delivered
          .slice(5)
          .map((record) => [record.kind, "key" in record ? record.key : ""])
          .toSorted(([, one = ""], [, other = ""]) => one.localeCompare(other)),
        [
          ["removal", "a"],
          ["removal", "c"],
        ],
      );
      const { pos } = succeeded(await release(world, "i_1", "s_1"));
      equal(pos, await world.subscribe(OWNED), "a release of nothing changes nothing");
    },
  },
  {
    name: "an instance that came back keeps what it has set again, though its old session is released",
    async run(world) {
      await world.open();
      await world.subscribe(OWNED);
      const { version } = succeeded(await world.set(own("a", "i_1", "s_1"), OWNED));
      await world.set(own("b", "i_1", "s_1"), OWNED);
      const again = succeeded(await world.set(own("a", "i_1", "s_2"), OWNED));
      equal(again.version, version, "setting what is there already is no change");
      succeeded(await release(world, "i_1", "s_1"));
      deepEqual(await keys(world), ["a"]);
      succeeded(await release(world, "i_1", "s_2"));
      deepEqual(await keys(world), []);
      await world.deliveredCount(ROOM, 4);
      equal(world.delivered(ROOM).length, 4, "the refresh was not delivered");
    },
  },
  {
    name: "a release right behind a set ends what was set",
    async run(world) {
      await world.open();
      const [set, released] = await Promise.all([
        world.set(own("a", "i_1", "s_1"), OWNED),
        release(world, "i_1", "s_1"),
      ]);
      succeeded(set);
      succeeded(released);
      deepEqual(await keys(world), []);
    },
  },
  {
    name: "an entry that its owner sets to what it is already lives on for the whole TTL, without a change",
    async run(world) {
      await world.open();
      const options = { ...OWNED, ttlMs: 1_000 };
      await world.subscribe(options);
      const { version } = succeeded(await world.set(own("a", "i_1", "s_1"), options));
      for (let count = 0; count < 4; count++) {
        await world.pass(600);
        equal(succeeded(await world.set(own("a", "i_1", "s_1"), options)).version, version);
      }
      equal(world.delivered(ROOM).length, 1);
      await world.until(() => world.delivered(ROOM).at(-1)?.kind === "removal", "the end of the entry");
      equal(world.delivered(ROOM).length, 2);
    },
  },
];
