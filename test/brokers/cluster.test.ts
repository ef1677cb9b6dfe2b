import { defineContract, log, state } from "@carillon/protocol";
import { createCarillon, SILENT_LOGGER, type Backplane } from "@carillon/server";
import * as v from "valibot";
import { beforeEach, describe, expect, test } from "vitest";
import { Child } from "../support/child.ts";
import { BROKERS } from "../support/cluster-brokers.ts";
import type { MembersReport } from "../support/member-process.ts";
import { MEMBERS, openMembers } from "../support/members.ts";
import { serve, type Serving } from "../support/serve.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { WireClient, type WireMessage } from "../support/wire-client.ts";

const contract = defineContract({
  channels: {
    "chat:{room}": log({
      data: v.string(),
      history: { size: 1_000, ttl: "1h" },
      presence: v.object({ name: v.string() }),
    }),
    "cursor:{room}": state({ value: v.number() }),
  },
});
const ROOM = "chat:lobby";
const everything = { subscribe: true, publish: true, history: true, set: true, presence: true, enter: true };

function makeNode(backplane: Backplane, surveys: Record<string, (input: unknown) => string> = {}) {
  return createCarillon({
    contract,
    user: v.object({ id: v.string() }),
    backplane,
    authorize: { "chat:{room}": () => everything, "cursor:{room}": () => everything },
    surveys,
    logger: SILENT_LOGGER,
  });
}

type TestNode = ReturnType<typeof makeNode>;

/** How a client's connection ends. */
function closing(client: WireClient): Promise<number> {
  return new Promise((resolve) => client.ws.on("close", resolve));
}

async function enter(at: Serving, node: TestNode, user: string): Promise<WireClient> {
  return WireClient.connect(at.url("/realtime"), await node.tickets.issue({ user: { id: user } }));
}

async function names(node: TestNode): Promise<string> {
  const members = await node.presence(ROOM);
  return members
    .map(({ info }) => info.name)
    .toSorted()
    .join();
}

describe.each(BROKERS)("nodes over $name", ({ name, missing, start }) => {
  beforeEach((context) => {
    if (missing !== null) context.skip(missing);
  });

  test(
    "5,000 members of a node that is killed have ended on every other node within 5 s, and those who came back do not flicker",
    { timeout: 90_000 },
    async () => {
      await using broker = await start();
      const nodes = [makeNode(broker.at(broker.port)), makeNode(broker.at(broker.port))] as const;
      await using atOne = await serve(nodes[0]);
      await using atTwo = await serve(nodes[1]);
      await using dying = new Child<object, MembersReport>({
        file: new URL("../support/member-process.ts", import.meta.url),
        args: [name, broker.address, "5000"],
      });
      expect((await dying.report()).members).toBe(5_000);
      await using back = await openMembers(broker.at(broker.port));
      const watchers = [await enter(atOne, nodes[0], "one"), await enter(atTwo, nodes[1], "two")];
      const seen = watchers.map(() => new Map<string, boolean>());
      const removed = watchers.map(() => new Set<string>());
      for (const [index, watcher] of watchers.entries()) {
        watcher.on((message) => follow(message, seen[index]!, removed[index]!));
        await watcher.command({ cmd: "subscribe", channel: MEMBERS });
      }
      await expect.poll(() => seen.map(({ size }) => size), { timeout: 20_000 }).toEqual([5_000, 5_000]);
      const killedAt = performance.now();
      dying.kill("SIGKILL");
      // 200 of them come back on another node, in time.
      const returned = Array.from({ length: 200 }, (_, index) => `i_${index * 25}`);
      // As clients do, who take a moment. They are in time until others end what they had, and nothing shows that before.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await back.enter(returned, "back");
      await expect
        .poll(() => seen.map(({ size }) => size), { interval: 5, timeout: 15_000 })
        .toEqual([returned.length, returned.length]);
      const tookMs = Math.round(performance.now() - killedAt);
      console.log(`${name}: 4,800 members ended on two nodes ${tookMs} ms after the kill`);
      for (const gone of removed) expect(returned.filter((instance) => gone.has(instance))).toEqual([]);
      expect([await nodes[0].presence(ROOM), await nodes[1].presence(ROOM)].map(({ length }) => length)).toEqual([
        200, 200,
      ]);
      expect(tookMs).toBeLessThan(5_000);
      for (const watcher of watchers) watcher.ws.terminate();
    },
  );

  test(
    "a node that was cut off for longer than the grace sets again what its living sessions own, in the order of before",
    { timeout: 60_000 },
    async () => {
      await using broker = await start();
      const proxy = await TcpProxy.start({ host: "127.0.0.1", port: broker.port });
      const one = makeNode(broker.at(broker.port));
      const two = makeNode(broker.at(proxy.port));
      await using atOne = await serve(one);
      await using atTwo = await serve(two);
      const ada = await enter(atTwo, two, "ada");
      const bob = await enter(atTwo, two, "bob");
      await ada.command({ cmd: "set", channel: MEMBERS, data: { name: "ada" } });
      await bob.command({ cmd: "set", channel: MEMBERS, data: { name: "bob" } });
      await ada.command({ cmd: "set", channel: "cursor:a", key: "x", data: 1 });
      await ada.command({ cmd: "set", channel: "cursor:a", key: "y", data: 2 });
      await ada.command({ cmd: "set", channel: "cursor:a", key: "x", data: 3 });
      await ada.command({ cmd: "set", channel: "cursor:a", key: "z", data: 4 });
      await ada.command({ cmd: "remove", channel: "cursor:a", key: "y" });
      const eve = await enter(atOne, one, "eve");
      await eve.command({ cmd: "set", channel: MEMBERS, data: { name: "eve" } });
      expect(await names(one)).toBe("ada,bob,eve");
      proxy.refuse();
      proxy.reset();
      await expect.poll(() => names(one), { timeout: 12_000 }).toBe("eve");
      // Others have ended what was ended before, and the application wants one thing gone: that is not undone.
      await one.remove("cursor:a", "z");
      bob.ws.close(1_000);
      await closing(bob);
      proxy.accept();
      await expect.poll(() => names(one), { timeout: 12_000 }).toBe("ada,eve");
      await expect
        .poll(async () => [...(await one.entries("cursor:a"))].map(([key, { value }]) => [key, value]))
        .toEqual([["x", 3]]);
      // Others may see it a moment before the node hears that it is done.
      await expect.poll(() => two.metrics.restored).toBeGreaterThan(0);
      expect(ada.ws.readyState).toBe(1);
      for (const client of [ada, eve]) client.ws.terminate();
      await proxy.close();
    },
  );

  test(
    "after an old copy of the broker was put back, owners are there and whoever had left is not",
    { timeout: 60_000 },
    async () => {
      await using broker = await start();
      const one = makeNode(broker.at(broker.port));
      await using atOne = await serve(one);
      const [ada, bob] = [await enter(atOne, one, "ada"), await enter(atOne, one, "bob")];
      await bob.command({ cmd: "set", channel: MEMBERS, data: { name: "bob" } });
      await expect.poll(() => names(one).catch(String)).toBe("bob");
      const restore = await broker.copy();
      const commanded = async (client: WireClient, command: object): Promise<void> => {
        // The broker has just been started anew.
        await expect.poll(() => client.command(command).then(() => "done", String), { timeout: 10_000 }).toBe("done");
      };
      await commanded(ada, { cmd: "set", channel: MEMBERS, data: { name: "ada" } });
      await commanded(bob, { cmd: "remove", channel: MEMBERS });
      await expect.poll(() => names(one).catch(String), { timeout: 10_000 }).toBe("ada");
      await restore();
      await expect.poll(() => names(one).catch(String), { timeout: 20_000 }).toBe("ada");
      expect([ada.ws.readyState, bob.ws.readyState]).toEqual([1, 1]);
      for (const client of [ada, bob]) client.ws.terminate();
    },
  );

  test(
    "what is said to a user reaches it on every node, and nothing waits for a node that stands still",
    { timeout: 60_000 },
    async () => {
      await using broker = await start();
      await using stopped = new Child<object, MembersReport>({
        file: new URL("../support/member-process.ts", import.meta.url),
        args: [name, broker.address, "1"],
      });
      const { node: third } = await stopped.report();
      const surveys = { greeting: (input: unknown): string => `hello ${String(input)}` };
      const [one, two] = [makeNode(broker.at(broker.port), surveys), makeNode(broker.at(broker.port), surveys)];
      await using atOne = await serve(one);
      await using atTwo = await serve(two);
      const ids = [await one.cluster.self(), await two.cluster.self()];
      await expect
        .poll(async () => (await one.cluster.nodes()).map(({ id }) => id).toSorted())
        .toEqual([...ids, third].toSorted());
      expect(atOne.port).not.toBe(atTwo.port);
      stopped.kill("SIGSTOP");
      const client = await enter(atTwo, two, "ada");
      const told: string[] = [];
      client.on(({ push, channel }) => void told.push(`${push} ${channel}`));
      const startedAt = performance.now();
      one.subscribe("ada", ROOM);
      await expect.poll(() => told).toContain(`subscribed ${ROOM}`);
      const found = await one.cluster.connections("ada", { timeout: 500 });
      expect(found).toMatchObject({
        connections: [{ node: ids[1], channels: [ROOM] }],
        missing: [third],
        isComplete: false,
      });
      expect(await one.cluster.isConnected("nobody", { timeout: 200 })).toBe(false);
      const greeted = await two.cluster.ask("greeting", "all", { timeout: 500 });
      expect(greeted.answers.map(({ answer }) => answer)).toEqual(["hello all", "hello all"]);
      expect(greeted.missing).toEqual([third]);
      const stats = await one.cluster.stats({ timeout: 500 });
      expect(stats.answers.reduce((sum, { answer }) => sum + answer.sessions, 0)).toBe(1);
      one.unsubscribe("ada", ROOM);
      await expect.poll(() => told).toContain(`unsubscribed ${ROOM}`);
      const ended = closing(client);
      one.disconnect("ada");
      expect(await ended).toBe(4_501);
      const again = await enter(atTwo, two, "ada");
      const out = closing(again);
      await one.tickets.revoke("ada");
      expect(await out).toBe(4_500);
      expect(performance.now() - startedAt).toBeLessThan(8_000);
      // The dead are no part of the cluster: then nobody is missed.
      stopped.kill("SIGKILL");
      await expect
        .poll(async () => (await one.cluster.stats({ timeout: 500 })).isComplete, { timeout: 8_000 })
        .toBe(true);
    },
  );

  test(
    "a node that was away for more messages than are kept ends its sessions before it delivers again",
    { timeout: 60_000 },
    async () => {
      await using broker = await start();
      const proxy = await TcpProxy.start({ host: "127.0.0.1", port: broker.port });
      const one = makeNode(broker.at(broker.port, true));
      const two = makeNode(broker.at(proxy.port, true));
      await using atOne = await serve(one);
      await using atTwo = await serve(two);
      const client = await enter(atTwo, two, "ada");
      const told: WireMessage[] = [];
      client.on((message) => void told.push(message));
      await client.command({ cmd: "subscribe", channel: ROOM });
      proxy.refuse();
      proxy.reset();
      const { sent: before } = await broker.messages();
      one.unsubscribe("ada", ROOM);
      // What is sent while another is on its way goes out with others, as one message: a publish lets each arrive.
      for (let count = 0; count < 400; count++) {
        one.unsubscribe(`user ${count}`, ROOM);
        await one.publish("chat:elsewhere", "an answer");
      }
      // What is kept for a time is gone after it, what is kept by number is gone by now.
      await expect.poll(async () => (await broker.messages()).gone).toBeGreaterThan(before);
      await one.publish(ROOM, "not for ada");
      const ended = closing(client);
      proxy.accept();
      expect(await ended).toBe(4_007);
      expect(told.filter(({ push }) => push === "items")).toEqual([]);
      expect(atOne.port).not.toBe(atTwo.port);
      await proxy.close();
    },
  );
});

/** Takes a push of a state channel into what is there. */
function follow({ push, channel, items = [] }: WireMessage, seen: Map<string, boolean>, removed: Set<string>): void {
  if (push !== "items" || channel !== MEMBERS) return;
  for (const item of items) {
    const { key = "" } = item;
    if ("removed" in item) {
      seen.delete(key);
      removed.add(key);
    } else seen.set(key, true);
  }
}
