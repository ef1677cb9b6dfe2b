import { deepEqual, equal } from "node:assert/strict";
import type { ApplyResult, ChannelOptions } from "../../backplane/channel-store.ts";
import { formatHolder } from "../../core/holder.ts";
import type { ConformanceCase } from "./conformance.ts";
import { failed, OWNED, ROOM, STATE, succeeded, type ConformanceWorld } from "./conformance-world.ts";

/** The session of that term of an instance. */
function session(term: number, instance: string = "i_1"): string {
  return formatHolder(instance, term, `s_${term}`);
}

/** A session sets an entry: its own where entries have owners. */
function set(
  world: ConformanceWorld,
  term: number,
  options: ChannelOptions,
  { instance = "i_1", data = `"of ${term}"`, key = "a", expect = null as number | null } = {},
): Promise<ApplyResult> {
  const { owned } = options;
  const owner = owned ? { user: `user of ${instance}`, instance } : null;
  return world.set({ key, data, expect, owner, holder: session(term, instance), ownOnly: owned }, options);
}

function release(world: ConformanceWorld, term: number): Promise<ApplyResult> {
  return world.apply(ROOM, OWNED, { op: "release", instance: "i_1", holder: session(term) });
}

async function values(world: ConformanceWorld, options: ChannelOptions): Promise<string[]> {
  return (await world.snapshot(options)).records.map(({ key, data }) => `${key}=${String(data)}`);
}

/** A client that comes back elsewhere goes on there, whatever its earlier session had asked for and is done late. */
export const sessionOrderCases: readonly ConformanceCase[] = [
  ...[STATE, OWNED].map((options): ConformanceCase => ({
    name: `what an earlier session asked for is refused once a later one of its instance has set the key (owned: ${options.owned})`,
    async run(world) {
      await world.open();
      await world.subscribe(options);
      succeeded(await set(world, 1, options));
      const { version } = succeeded(await set(world, 2, options));
      equal(failed(await set(world, 1, options)).code, "replaced");
      equal(failed(await set(world, 1, options, { expect: version })).code, "replaced", "whatever it expects");
      equal(failed(await set(world, 1, options, { data: '"of 2"' })).code, "replaced", "the same value, too");
      equal(failed(await world.unset("a", options, { holder: session(1), onlyBy: "i_1" })).code, "replaced");
      deepEqual(await values(world, options), ['a="of 2"']);
      succeeded(await set(world, 2, options, { data: '"anew"' }));
      succeeded(await set(world, 3, options, { data: '"anew"' }));
      equal(failed(await set(world, 2, options)).code, "replaced", "who says the same is a later one all the same");
      succeeded(await set(world, 10, options));
      equal(failed(await set(world, 9, options)).code, "replaced", "terms are numbers");
      deepEqual(await values(world, options), ['a="of 10"']);
      // What nobody owns is set anew also by the same value.
      const count = options.owned ? 4 : 5;
      await world.deliveredCount(ROOM, count);
      equal(world.delivered(ROOM).length, count, "what was refused is told nobody");
    },
  })),
  {
    name: "an entry that an earlier session asks to refresh stays with the later one, and outlives the earlier one's release",
    async run(world) {
      await world.open();
      succeeded(await set(world, 2, OWNED, { data: '"here"' }));
      equal(failed(await set(world, 1, OWNED, { data: '"here"' })).code, "replaced");
      succeeded(await release(world, 1));
      deepEqual(await values(world, OWNED), ['a="here"']);
      succeeded(await release(world, 2));
      deepEqual(await values(world, OWNED), []);
    },
  },
  {
    name: "there is no order between instances, nor for the application, nor within one term",
    async run(world) {
      await world.open();
      succeeded(await set(world, 5, STATE));
      succeeded(await set(world, 1, STATE, { instance: "i_2" }));
      succeeded(await set(world, 5, STATE));
      succeeded(await world.set({ key: "a", data: '"the application"' }));
      succeeded(await set(world, 5, STATE));
      succeeded(await world.set({ key: "a", holder: "i_1/5/s_other" }));
      succeeded(await set(world, 5, STATE));
      succeeded(await world.unset("a"));
      succeeded(await world.set({ key: "a", data: '"the application"' }));
      deepEqual(await values(world, STATE), ['a="the application"']);
      succeeded(await set(world, 2, STATE, { key: "b" }));
      succeeded(await set(world, 1, STATE, { key: "c" }));
    },
  },
  {
    name: "an entry that a later session removed, or that ended in its hands, is not set again by an earlier one",
    async run(world) {
      await world.open();
      succeeded(await set(world, 1, OWNED, { key: "removed" }));
      succeeded(await world.unset("removed", OWNED, { holder: session(3), onlyBy: "i_1" }));
      equal(failed(await set(world, 2, OWNED, { key: "removed" })).code, "replaced");
      succeeded(await set(world, 3, OWNED, { key: "released" }));
      succeeded(await release(world, 3));
      equal(failed(await set(world, 2, OWNED, { key: "released" })).code, "replaced");
      succeeded(await set(world, 3, OWNED, { key: "ended" }));
      succeeded(await world.unset("ended", OWNED));
      equal(failed(await set(world, 2, OWNED, { key: "ended" })).code, "replaced");
      deepEqual(await values(world, OWNED), []);
      for (const key of ["removed", "released", "ended"]) succeeded(await set(world, 4, OWNED, { key }));
      equal((await values(world, OWNED)).length, 3);
    },
  },
  {
    name: "the order of sessions holds within one batch, and for what ended by its time",
    async run(world) {
      await world.open();
      const options = { ...STATE, ttlMs: 300 };
      const results = await Promise.all([2, 1, 3, 2].map((term) => set(world, term, options)));
      deepEqual(
        results.map((result) => (result.ok ? "ok" : result.code)),
        ["ok", "replaced", "ok", "replaced"],
      );
      await world.pass(600);
      deepEqual(await values(world, options), []);
      equal(failed(await set(world, 2, options)).code, "replaced");
      succeeded(await set(world, 3, options));
    },
  },
  {
    name: "the order of sessions is known after the store was opened again",
    needs: ["lasts"],
    async run(world) {
      await world.open();
      succeeded(await set(world, 2, STATE));
      succeeded(await set(world, 2, STATE, { key: "b" }));
      succeeded(await world.unset("b", STATE, { holder: session(3) }));
      await world.close();
      await world.open();
      equal(failed(await set(world, 1, STATE)).code, "replaced");
      equal(failed(await set(world, 2, STATE, { key: "b" })).code, "replaced");
      deepEqual(await values(world, STATE), ['a="of 2"']);
    },
  },
  {
    name: "a session takes back what an earlier one holds in a store that went back, and nothing from a later one",
    needs: ["shared"],
    async run(world) {
      await world.open();
      const restore = (term: number, restores: number): Promise<ApplyResult> => {
        const owner = { user: "user of i_1", instance: "i_1" };
        const data = `"again ${term}"`;
        const change = {
          op: "set",
          key: "a",
          data,
          expect: null,
          owner,
          holder: session(term),
          ownOnly: true,
        } as const;
        return world.apply(ROOM, OWNED, { ...change, restores });
      };
      const { version } = succeeded(await set(world, 1, OWNED));
      succeeded(await restore(2, version + 1));
      deepEqual(await values(world, OWNED), ['a="again 2"']);
      equal(failed(await restore(1, version)).code, "replaced");
      succeeded(await release(world, 1));
      deepEqual(await values(world, OWNED), ['a="again 2"']);
      // What the store went back to has ended with the earlier session by now.
      succeeded(await release(world, 2));
      succeeded(await restore(3, version));
      deepEqual(await values(world, OWNED), ['a="again 3"']);
      // Its own end counts.
      succeeded(await release(world, 3));
      equal(failed(await restore(3, version)).code, "conflict");
    },
  },
];
