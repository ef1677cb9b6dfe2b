import { describe, expect, test } from "vitest";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";
import { TcpProxy } from "../../../test/support/tcp-proxy.ts";
import { TestNode } from "./node.ts";
import { until } from "../../../test/support/until.ts";

const ROOM = "chat:lobby";

/** Attempts to connect, about ten in a second: with so many, no request waits for its connection any more. */
const REFUSALS = 10;

interface Setting extends AsyncDisposable {
  readonly proxy: TcpProxy;
  /** Behind the proxy. */
  readonly node: TestNode;
  /** Beside it. */
  readonly other: TestNode;
}

async function setting(): Promise<Setting> {
  const server = await RedisServer.start();
  const proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
  const node = await TestNode.impatient({ url: `redis://127.0.0.1:${proxy.port}` });
  const other = await TestNode.open({ url: server.url });
  return {
    proxy,
    node,
    other,
    [Symbol.asyncDispose]: async () => {
      await node[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      await proxy.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(WITHOUT_REDIS !== null)(
  `connections that break${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`,
  () => {
    test("a store that loses its connections while it opens, opens all the same", { timeout: 30_000 }, async () => {
      await using server = await RedisServer.start();
      const proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
      const url = `redis://127.0.0.1:${proxy.port}`;
      const opening = TestNode.open({ url, timeoutMs: 10_000, patienceMs: 300 });
      await until(() => proxy.connections > 0, "the first connection", 5_000);
      proxy.refuse();
      proxy.reset();
      await until(() => proxy.refused >= REFUSALS, "attempts to connect again");
      proxy.accept();
      await using node = await opening;
      expect((await node.publish(ROOM, "one")).ok).toBe(true);
      await proxy.close();
    });

    test(
      "connections on which nothing arrives any more are given up, and what was missed is noticed",
      { timeout: 30_000 },
      async () => {
        await using world = await setting();
        const { proxy, node, other } = world;
        const start = await node.subscribe(ROOM);
        await other.publish(ROOM, "before");
        await until(() => node.delivered(ROOM).length === 1, "delivery");
        proxy.stall();
        const stalled = performance.now();
        const [mine] = await Promise.all([node.publish(ROOM, "mine"), other.publish(ROOM, "during")]);
        expect(mine.ok || mine.code).toBe("timeout");
        await until(() => node.availability.at(-1) === false, "the outage is told of");
        expect(performance.now() - stalled).toBeLessThan(5_000);
        proxy.reset();
        proxy.resume();
        await until(() => node.availability.at(-1) === true, "it is up again");
        await until(() => node.isSuspect(ROOM), "subscribers compare");
        const { records, gap } = await node.read(ROOM, start);
        expect(gap).toBe(null);
        expect(records.map((record) => "id" in record && record.id).slice(0, 2)).toEqual(["before", "during"]);
      },
    );

    test(
      "a node that was cut off hears of a revocation before it hands out anything",
      { timeout: 30_000 },
      async () => {
        await using world = await setting();
        const { proxy, node, other } = world;
        const start = await node.subscribe(ROOM);
        proxy.refuse();
        proxy.reset();
        await until(() => node.availability.at(-1) === false, "the outage is told of");
        other.store.control.send({ type: "disconnect", user: "ada", code: 4500, reason: "revoked" });
        await other.publish(ROOM, "secret");
        const reading = (async (): Promise<number> => {
          for (;;) {
            const page = await node.read(ROOM, start).catch(() => null);
            if (page !== null && page.records.length > 0) return node.controls.length;
            // Reads are refused until a moment that nothing shows, and the first one after it is the one that counts.
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        })();
        const publishing = setInterval(() => void other.publishMany(ROOM, 1), 2);
        proxy.accept();
        await until(() => node.told.includes("deliver"), "delivery goes on");
        clearInterval(publishing);
        expect(node.told[0]).toBe("control");
        expect(await reading).toBe(1);
      },
    );

    test("a connection that is cut behind any byte loses and repeats nothing", { timeout: 60_000 }, async () => {
      await using world = await setting();
      const { proxy, node, other } = world;
      const sent: string[] = [];
      for (let bytes = 1; bytes < 1_500; bytes += 60) {
        const id = `cut-${bytes}`;
        proxy.cutAfter(bytes);
        await node.publishUntilKnown(ROOM, id);
        sent.push(id);
      }
      expect(await other.ids(ROOM)).toEqual(sent);
    });
  },
);
