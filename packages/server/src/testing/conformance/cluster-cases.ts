import { deepEqual, equal, ok } from "node:assert/strict";
import type { OpenBackplane } from "../../backplane/backplane.ts";
import type { Answer } from "../../backplane/channel-store.ts";
import type { ClusterNode, ControlMessage } from "../../backplane/control.ts";
import type { ConformanceCase } from "./conformance.ts";
import { failed, OWNED, ROOM, succeeded, type ConformanceWorld } from "./conformance-world.ts";

/** What a dead node held has ended by then. */
const GRACE_MS = 5_000;
const LEASE_MARGIN_MS = 500;

async function nodes({ control }: OpenBackplane): Promise<string[]> {
  const answer = await new Promise<Answer<readonly ClusterNode[]>>((resolve) => control.nodes(resolve));
  return succeeded(answer)
    .value.map(({ id }) => id)
    .toSorted();
}

/** Waits until these are the nodes, as one of them sees it. */
async function untilNodes(
  world: ConformanceWorld,
  at: OpenBackplane,
  expected: readonly OpenBackplane[],
): Promise<void> {
  const wanted = expected.map(({ control }) => control.node).toSorted();
  let found: string[] = [];
  for (let tries = 0; tries < 200; tries++) {
    found = await nodes(at);
    if (found.join() === wanted.join()) return;
    await world.pass(20);
  }
  deepEqual(found, wanted);
}

const disconnect = (user: string): ControlMessage => ({ type: "disconnect", user, code: 4_501, reason: "test" });

/** Sets an entry for an instance, or sets it again for it. */
function set(
  world: ConformanceWorld,
  key: string,
  holder: string,
  { restores, data = '"here"', at = world.backplane }: { restores?: number; data?: string; at?: OpenBackplane } = {},
): ReturnType<ConformanceWorld["apply"]> {
  const owner = { user: "ada", instance: "i_1" };
  const change = {
    op: "set",
    key,
    data,
    expect: null,
    owner,
    holder,
    ownOnly: true,
    ...(restores === undefined ? {} : { restores }),
  } as const;
  return world.apply(ROOM, OWNED, change, at);
}

async function keys(world: ConformanceWorld): Promise<string[]> {
  return (await world.snapshot(OWNED)).records.map(({ key }) => key).toSorted();
}

/** Nodes that share a store: who they are, what they tell each other, and what is left of one that is gone. */
export const clusterCases: readonly ConformanceCase[] = [
  {
    name: "a node is told what it sends itself, at once, and is in the list of nodes",
    async run(world) {
      const { control } = await world.open();
      control.send(disconnect("ada"));
      deepEqual(world.controls, [disconnect("ada")]);
      await untilNodes(world, world.backplane, [world.backplane]);
    },
  },
  {
    name: "every node is told what one sends, and the nodes know each other; one that leaves is out at once",
    needs: ["shared"],
    async run(world) {
      const one = await world.open();
      const two = await world.openAnother();
      const three = await world.openAnother();
      for (const at of [one, two.backplane, three.backplane])
        await untilNodes(world, at, [one, two.backplane, three.backplane]);
      two.backplane.control.send(disconnect("ada"));
      await world.until(
        () => [world.controls, two.controls, three.controls].every((controls) => controls.length > 0),
        "the message on each node",
      );
      for (const { controls } of [two, three]) deepEqual(controls[0], disconnect("ada"));
      await three.close();
      await untilNodes(world, one, [one, two.backplane]);
    },
  },
  {
    name: "what a node sends right before it leaves reaches the others, however much it is",
    needs: ["shared"],
    async run(world) {
      await world.open();
      const two = await world.openAnother();
      const users = Array.from({ length: 1_200 }, (_, index) => `u${index}`);
      for (const user of users) two.backplane.control.send(disconnect(user));
      await two.close();
      const told = (): Set<string> =>
        new Set(world.controls.flatMap((message) => (message.type === "disconnect" ? [message.user] : [])));
      await world.until(() => told().size === users.length, "the messages");
    },
  },
  {
    name: "an entry is set again for its owner only if nobody has ended it or taken it over meanwhile",
    needs: ["shared"],
    async run(world) {
      await world.open();
      succeeded(await set(world, "lost", "s_1", { restores: 1 }));
      deepEqual(await keys(world), ["lost"], "nobody knows of an entry of before: it was lost");
      const { version } = succeeded(await set(world, "lost", "s_1", { restores: 1 }));
      equal(
        succeeded(await set(world, "lost", "s_1", { restores: version })).version,
        version,
        "what is there is no change",
      );
      const taken = succeeded(await set(world, "taken", "s_1"));
      const later = succeeded(await set(world, "taken", "s_2", { data: '"elsewhere"' }));
      const refusal = failed(await set(world, "taken", "s_1", { restores: taken.version }));
      deepEqual([refusal.code, refusal.version], ["conflict", later.version], "it is there");
      const ended = succeeded(await set(world, "ended", "s_1"));
      const end = succeeded(await world.unset("ended", OWNED));
      const { code, version: none } = failed(await set(world, "ended", "s_1", { restores: ended.version }));
      deepEqual([code, none], ["conflict", 0], "somebody ended it");
      deepEqual(await keys(world), ["lost", "taken"]);
      // The store went back to before it was set, when an earlier one had ended.
      succeeded(await set(world, "ended", "s_1", { restores: end.version + 1 }));
      deepEqual(await keys(world), ["ended", "lost", "taken"]);
    },
  },
  {
    name: "what a node held that is gone ends within the grace, and may be set again unless somebody wants it gone",
    needs: ["shared"],
    async run(world) {
      await world.open();
      await world.subscribe(OWNED);
      const two = await world.openAnother();
      for (const key of ["a", "b"]) succeeded(await set(world, key, "s_2", { at: two.backplane }));
      succeeded(await set(world, "kept", "s_1"));
      succeeded(await set(world, "moved", "s_2", { at: two.backplane }));
      // Its instance came back in time.
      succeeded(await set(world, "moved", "s_1"));
      const leftAt = world.now;
      await two.close();
      await world.until(
        () => world.delivered(ROOM).filter(({ kind }) => kind === "removal").length === 2,
        "the ends",
        GRACE_MS + 1_000,
      );
      ok(world.now - leftAt <= GRACE_MS + LEASE_MARGIN_MS, `ended after ${world.now - leftAt} ms`);
      deepEqual(await keys(world), ["kept", "moved"]);
      equal(
        world.delivered(ROOM).filter((record) => "key" in record && record.key === "moved").length,
        1,
        "no flicker",
      );
      succeeded(await set(world, "a", "s_2", { restores: 1 }));
      succeeded(await world.unset("b", OWNED));
      equal(failed(await set(world, "b", "s_2", { restores: 1 })).code, "conflict");
      deepEqual(await keys(world), ["a", "kept", "moved"]);
    },
  },
];
