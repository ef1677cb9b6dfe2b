import type { Answer } from "@carillon/server/backplane";
import { describe, expect, test } from "vitest";
import { TestNode } from "./node.ts";
import { until } from "../../../test/support/until.ts";
import { OWNED } from "../../../test/support/told-store.ts";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";

const ROOM = "chat:lobby";

function take(node: TestNode, key: string): Promise<Answer<string | null>> {
  return new Promise((done) => node.store.tickets.take(key, done));
}

describe.skipIf(WITHOUT_REDIS !== null)(
  `nodes that share a Redis${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`,
  () => {
    test("publishers on three nodes make one order, the same for everybody", { timeout: 30_000 }, async () => {
      await using server = await RedisServer.start();
      await using one = await TestNode.open({ url: server.url });
      await using two = await TestNode.open({ url: server.url });
      await using three = await TestNode.open({ url: server.url });
      const nodes = [one, two, three];
      const starts = await Promise.all(nodes.map((node) => node.subscribe(ROOM)));
      await Promise.all(
        nodes.flatMap((node, index) => Array.from({ length: 20 }, () => node.publishMany(ROOM, 10, `n${index}`))),
      );
      await until(
        () => nodes.every((node) => node.delivered(ROOM).length === 600),
        "everything is delivered everywhere",
      );
      const ids = await one.ids(ROOM);
      for (const [index, node] of nodes.entries()) {
        expect(node.delivered(ROOM)).toEqual(ids);
        let at = starts[index];
        for (const { prev, pos } of node.deliveries) {
          expect(prev).toBe(at);
          at = pos;
        }
        expect(node.suspects).toEqual([]);
      }
    });

    test("a publish that is repeated on another node lands once", async () => {
      await using server = await RedisServer.start();
      await using one = await TestNode.open({ url: server.url });
      await using two = await TestNode.open({ url: server.url });
      const first = await one.publish(ROOM, "p1");
      const second = await two.publish(ROOM, "p1");
      if (!first.ok || !second.ok) throw new Error("Expected success.");
      expect([second.pos, second.duplicate]).toEqual([first.pos, true]);
      expect(two.epoch).toBe(one.epoch);
    });

    test("the control: without deduplication a repeated publish is there twice", async () => {
      await using server = await RedisServer.start();
      await using faulty = await TestNode.open({ url: server.url }, {}, ["no-dedup"]);
      await faulty.publish(ROOM, "p1");
      await faulty.publish(ROOM, "p1");
      expect(await faulty.ids(ROOM)).toEqual(["p1", "p1"]);
    });

    test("an id is remembered for the whole window, whatever is repeated while the tables of ids take turns", async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.open({ url: server.url }, { idempotencyWindowMs: 1_000 });
      await node.publish(ROOM, "early");
      // The tables of ids take turns by Redis's clock: nothing but time brings the next turn.
      await new Promise((resolve) => setTimeout(resolve, 800));
      const first = await node.publish(ROOM, "late");
      // The turn comes with a call that appends nothing.
      for (let round = 0; round < 3; round++) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        const again = await node.publish(ROOM, "late");
        expect(again).toEqual({ ...first, duplicate: true });
      }
    });

    test("of takers on two nodes at once exactly one gets a credential", { timeout: 30_000 }, async () => {
      await using server = await RedisServer.start();
      await using one = await TestNode.open({ url: server.url });
      await using two = await TestNode.open({ url: server.url });
      for (let round = 0; round < 200; round++) {
        const key = `k${round}`;
        await new Promise((done) => one.store.tickets.put(key, "v", 60_000, done));
        const taken = await Promise.all([take(one, key), take(two, key), take(one, key), take(two, key)]);
        expect(taken.filter((answer) => answer.ok && answer.value === "v")).toHaveLength(1);
      }
    });

    test(
      "control messages reach every node, once more after an interruption if need be",
      { timeout: 30_000 },
      async () => {
        await using server = await RedisServer.start();
        await using one = await TestNode.open({ url: server.url });
        await using two = await TestNode.open({ url: server.url });
        const message = (user: string) => ({ type: "disconnect", user, code: 4500, reason: "revoked" }) as const;
        one.store.control.send(message("ada"));
        await until(() => two.controls.length === 1, "the message");
        expect(one.controls).toEqual([message("ada")]);
        await server.command("CLIENT", "KILL", "TYPE", "pubsub");
        one.store.control.send(message("bob"));
        await until(() => two.controls.length >= 2, "the message that was sent meanwhile");
        expect(two.controls[1]).toEqual(message("bob"));
      },
    );

    test(
      "a control message that follows the last one is not asked for; one behind a lost one brings that as well",
      { timeout: 30_000 },
      async () => {
        await using server = await RedisServer.start();
        // Looks would ask for what is lost as well.
        await using one = await TestNode.open({ url: server.url, watchMs: 600_000 });
        await using two = await TestNode.open({ url: server.url, watchMs: 600_000 });
        const message = (user: string) => ({ type: "disconnect", user, code: 4500, reason: "revoked" }) as const;
        const users = (node: TestNode) =>
          node.controls.map((told) => (told.type === "disconnect" ? told.user : told.type));
        // Neither listens to what was sent before it was open.
        one.store.control.send(message("first"));
        await until(() => two.controls.length === 1, "the first message");
        await server.command("CONFIG", "RESETSTAT");
        const sent = ["first"];
        for (let count = 0; count < 20; count++) {
          sent.push(`u${count}`);
          (count % 2 === 0 ? one : two).store.control.send(message(`u${count}`));
          await until(() => [one, two].every(({ controls }) => controls.length === sent.length), "the message");
        }
        expect(await server.command("INFO", "commandstats")).not.toContain("cmdstat_xrange");
        // Stored and never published: as good as lost on its way.
        const lost = JSON.stringify(["another", [message("lost")]]);
        await server.command("XADD", "carillon:{0}:messages", "*", "m", lost);
        one.store.control.send(message("last"));
        await until(() => users(two).includes("last"), "what follows");
        expect(users(two)).toEqual([...sent, "lost", "last"]);
        expect(await server.command("INFO", "commandstats")).toContain("cmdstat_xrange");
      },
    );

    test(
      "a message that is sent while Redis is away takes effect here at once, and elsewhere when it is back",
      { timeout: 30_000 },
      async () => {
        await using server = await RedisServer.start();
        await using one = await TestNode.open({ url: server.url, timeoutMs: 500, patienceMs: 100 });
        await using two = await TestNode.open({ url: server.url, timeoutMs: 500, patienceMs: 100 });
        await server.end("SIGKILL");
        await until(() => one.availability.at(-1) === false, "the outage is noticed");
        one.store.control.send({ type: "disconnect", user: "ada", code: 4500, reason: "revoked" });
        expect(one.controls).toHaveLength(1);
        await server.start();
        await until(() => two.controls.length > 0, "the message");
      },
    );

    test(
      "entries of a node that died end within the grace, and what it writes late is refused",
      { timeout: 30_000 },
      async () => {
        await using server = await RedisServer.start();
        await using alive = await TestNode.open({ url: server.url });
        const dying = await TestNode.open({ url: server.url });
        await alive.subscribe("presence:1", OWNED);
        for (let index = 0; index < 500; index++) void dying.set("presence:1", `i_${index}`, `i_${index}`);
        await alive.set("presence:1", "i_alive", "i_alive");
        await until(async () => (await alive.keys("presence:1")).length === 501, "all are there");
        const died = performance.now();
        // It leaves without a word: what it holds is not released by closing the store.
        await dying[Symbol.asyncDispose]();
        await until(async () => (await alive.keys("presence:1")).length === 1, "its entries have ended", 9_000);
        expect(performance.now() - died).toBeGreaterThan(3_000);
        expect(await alive.keys("presence:1")).toEqual(["i_alive"]);
        await until(() => alive.delivered("presence:1").length >= 1_001, "the ends are delivered");
      },
    );

    test("an entry ends by its time though the node that set it is gone", { timeout: 30_000 }, async () => {
      await using server = await RedisServer.start();
      await using one = await TestNode.open({ url: server.url });
      const two = await TestNode.open({ url: server.url });
      const typing = { ...OWNED, owned: false, ttlMs: 500 };
      await one.subscribe("typing:1", typing);
      const change = {
        op: "set",
        key: "ada",
        data: "1",
        expect: null,
        owner: null,
        holder: null,
        ownOnly: false,
      } as const;
      await two.apply("typing:1", change, typing);
      await two[Symbol.asyncDispose]();
      await until(() => one.delivered("typing:1").length === 2, "the entry and its end");
      expect(one.deliveries.at(-1)?.records[0]?.kind).toBe("removal");
    });
  },
);
