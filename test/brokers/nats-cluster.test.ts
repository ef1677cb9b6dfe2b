import { beforeEach, describe, expect, test } from "vitest";
import { missingNats, NatsServer } from "../support/nats-server.ts";
import { ROOM, Store } from "../support/nats-store.ts";
import { LOG, OWNED } from "../support/told-store.ts";
import { until } from "../support/until.ts";

const missing = missingNats();
const TIMEOUT = 30_000;

function setOwn(store: Store, key: string): Promise<boolean> {
  const owner = { user: "ada", instance: `i_${key}` };
  return new Promise((resolve) => {
    store.backplane.channels.apply([
      {
        channel: ROOM,
        options: OWNED,
        change: { op: "set", key, data: `"${key}"`, expect: null, owner, holder: `s_${key}`, ownOnly: true },
        done: ({ ok }) => resolve(ok),
      },
    ]);
  });
}

function keysOf(store: Store): Promise<string[]> {
  return new Promise((resolve) => {
    store.backplane.channels.snapshot(ROOM, OWNED, (answer) =>
      resolve(answer.ok ? answer.value.records.map(({ key }) => key) : []),
    );
  });
}

describe("several nodes on one NATS", () => {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  test("publishers on three nodes make one order, that every node is told in", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    await using three = await Store.open(server);
    const stores = [one, two, three];
    for (const store of stores) await store.subscribe();
    await Promise.all(
      stores.map(async (store, index) => {
        for (let count = 0; count < 100; count++) await store.published(`${index}-${count}`);
      }),
    );
    for (const store of stores) await until(() => store.delivered().length === 300);
    const stored = await one.everything();
    for (const store of stores) {
      expect(store.delivered()).toEqual(stored);
      for (const [index, { prev }] of store.deliveries.entries())
        if (index > 0) expect(prev).toBe(store.deliveries[index - 1]?.pos);
    }
    for (const index of [0, 1, 2]) {
      const own = stored.filter((id) => id.startsWith(`${index}-`));
      expect(own).toEqual(Array.from({ length: 100 }, (_, count) => `${index}-${count}`));
    }
  });

  test("a ticket that is used on both nodes at once is good on one of them", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    const take = (store: Store, key: string): Promise<string | null> =>
      new Promise((resolve) => store.backplane.tickets.take(key, (answer) => resolve(answer.ok ? answer.value : null)));
    for (let round = 0; round < 200; round++) {
      const key = `ticket ${round}`;
      await new Promise<void>((resolve) => one.backplane.tickets.put(key, "v", 60_000, () => resolve()));
      const taken = await Promise.all([take(one, key), take(two, key), take(one, key), take(two, key)]);
      expect(taken.filter((value) => value !== null)).toEqual(["v"]);
    }
  });

  test(
    "what a dead node's sessions have set ends within its grace, and what others have set stays",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      await using alive = await Store.open(server, {}, { graceMs: 3_000 });
      await alive.subscribe(ROOM, OWNED);
      {
        await using doomed = await Store.open(server, {}, { graceMs: 3_000 });
        for (const key of ["a", "b"]) expect(await setOwn(doomed, key)).toBe(true);
        expect(await setOwn(alive, "c")).toBe(true);
        expect(await keysOf(alive)).toEqual(["a", "b", "c"]);
      }
      // A closed store releases nothing by itself: to the others it is as dead as one that was killed.
      await until(() => alive.delivered().length === 5);
      expect(await keysOf(alive)).toEqual(["c"]);
    },
  );

  test("control messages reach every node, also one that was away for a moment", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    one.backplane.control.send({ type: "replace", instance: "i_1", session: "s_1", term: 2 });
    for (const store of [one, two]) await until(() => store.controls.length === 1);
    await server.stop();
    one.backplane.control.send({ type: "replace", instance: "i_2", session: "s_2", term: 2 });
    await server.start();
    for (const store of [one, two]) {
      await until(() => store.controls.length === 2);
      expect(store.controls.at(-1)).toEqual({ type: "replace", instance: "i_2", session: "s_2", term: 2 });
    }
  });

  test("applications of different names on one NATS do not see each other", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server, { name: "one" });
    await using other = await Store.open(server, { name: "other" });
    await other.subscribe();
    await one.published("p1");
    expect(await other.everything()).toEqual([]);
    expect(other.delivered()).toEqual([]);
  });

  test("names of channels with characters that mean something to NATS stay apart", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using store = await Store.open(server);
    const names = ["chat:a.b", "chat:a=2eb", "chat:a+b", "chat:~", "chat:=", "chat:..", "chat", "@presence:chat:a.b"];
    for (const channel of names) await store.subscribe(channel);
    for (const channel of names) await store.published(channel, { channel });
    for (const channel of names) {
      await until(() => store.delivered(channel).length > 0);
      expect(store.delivered(channel)).toEqual([channel]);
      expect(await store.everything(channel)).toEqual([channel]);
    }
  });

  test("messages that nobody needs any more are deleted", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using store = await Store.open(server, {}, { idempotencyWindowMs: 200 });
    const options = { ...LOG, historySize: 5 };
    for (let count = 0; count < 300; count++) await store.published(`p${count}`, { options });
    // Until the ids of all are older than the window: time alone does that, and the store looks at it when it is used.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await store.published("last", { options });
    const messages = async (): Promise<unknown> => server.api("STREAM.INFO.carillon_log_chat");
    await expect.poll(messages).toMatchObject({ state: { messages: expect.toSatisfy((count: number) => count < 80) } });
    expect(await store.everything()).toEqual(["p296", "p297", "p298", "p299", "last"]);
  });
});
