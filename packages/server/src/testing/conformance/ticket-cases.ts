import { deepEqual, equal, ok } from "node:assert/strict";
import type { ConformanceCase } from "./conformance.ts";
import { failed, succeeded, type ConformanceWorld } from "./conformance-world.ts";

async function revocation(
  world: ConformanceWorld,
  user: string,
): Promise<{ readonly revokedAt: number; readonly now: number }> {
  const { tickets } = world.backplane;
  return new Promise((resolve, reject) => {
    tickets.revokedAt(user, (answer) => (answer.ok ? resolve(answer.value) : reject(new Error(answer.message))));
  });
}

/** Credentials and revocations. */
export const ticketCases: readonly ConformanceCase[] = [
  {
    name: "a credential is taken once",
    async run(world) {
      await world.open();
      succeeded(await world.put("k1", "v1"));
      equal(await world.take("k2"), null);
      equal(await world.take("k1"), "v1");
      equal(await world.take("k1"), null);
    },
  },
  {
    name: "of a hundred takers at once exactly one gets it",
    async run(world) {
      await world.open();
      for (let round = 0; round < 5; round++) {
        succeeded(await world.put(`k${round}`, "v"));
        const taken = await Promise.all(Array.from({ length: 100 }, () => world.take(`k${round}`)));
        deepEqual(
          taken.filter((value) => value !== null),
          ["v"],
        );
      }
    },
  },
  {
    name: "a value that is put again takes the place of the first, and counts once",
    async run(world) {
      await world.open({ tickets: 1 });
      succeeded(await world.put("k1", "v1"));
      succeeded(await world.put("k1", "v2 — ünïcödé"));
      equal(await world.take("k1"), "v2 — ünïcödé");
      equal(await world.take("k1"), null);
    },
  },
  {
    name: "a credential that is read stays where it is",
    async run(world) {
      await world.open();
      succeeded(await world.put("k1", "v1"));
      equal(await world.peek("k1"), "v1");
      equal(await world.peek("k2"), null);
      equal(await world.take("k1"), "v1");
      equal(await world.peek("k1"), null);
    },
  },
  {
    name: "a swap puts its value, and its time, only in place of the value it expects",
    async run(world) {
      await world.open({ tickets: 1 });
      equal(await world.swap("k1", "v1", "v2"), false);
      succeeded(await world.put("k1", "v1", 500));
      equal(await world.swap("k1", "v0", "v2"), false);
      equal(await world.swap("k1", "v1", "v2 — ünïcödé"), true);
      equal(await world.swap("k1", "v1", "v3"), false);
      await world.pass(600);
      equal(await world.peek("k1"), "v2 — ünïcödé");
      equal(await world.swap("k1", "v2 — ünïcödé", "v4", 500), true);
      await world.pass(600);
      equal(await world.swap("k1", "v4", "v5"), false);
      equal(await world.take("k1"), null);
    },
  },
  {
    name: "of a hundred swaps and takes at once exactly one gets it",
    async run(world) {
      await world.open();
      for (let round = 0; round < 5; round++) {
        succeeded(await world.put(`k${round}`, "v"));
        const won = await Promise.all(
          Array.from({ length: 100 }, async (_, index) =>
            index % 2 === 0 ? await world.swap(`k${round}`, "v", `w${index}`) : (await world.take(`k${round}`)) === "v",
          ),
        );
        equal(won.filter(Boolean).length, 1);
      }
    },
  },
  {
    name: "a credential is gone when its time is over, and not before",
    async run(world) {
      await world.open();
      await world.put("short", "v", 500);
      await world.put("long", "v", 60_000);
      await world.put("again", "v", 500);
      await world.put("again", "w", 60_000);
      await world.pass(600);
      equal(await world.take("short"), null);
      equal(await world.take("long"), "v");
      equal(await world.take("again"), "w");
    },
  },
  {
    name: "the number of credentials is bounded, and room is made by taking and by time",
    async run(world) {
      await world.open({ tickets: 3 });
      for (const key of ["a", "b", "c"]) succeeded(await world.put(key, "v", 2_000));
      equal(failed(await world.put("d", "v")).code, "overloaded");
      await world.take("a");
      succeeded(await world.put("d", "v", 2_000));
      await world.pass(2_100);
      for (let tries = 0; !(await world.put("e", "v")).ok; tries++) {
        ok(tries < 60, "what is over its time makes room within a minute");
        await world.pass(1_000);
      }
    },
  },
  {
    name: "a revocation says when it was, by the store's clock",
    async run(world) {
      await world.open();
      const before = await revocation(world, "ada");
      equal(before.revokedAt, 0);
      ok(Math.abs(before.now - world.now) < 5_000);
      await world.pass(10);
      await new Promise<void>((resolve, reject) => {
        world.backplane.tickets.revoke("ada", 60_000, (answer) =>
          answer.ok ? resolve() : reject(new Error(answer.message)),
        );
      });
      const after = await revocation(world, "ada");
      ok(after.revokedAt > before.now && after.revokedAt <= after.now);
      equal((await revocation(world, "bob")).revokedAt, 0);
    },
  },
];
