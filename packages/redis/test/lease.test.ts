import { describe, expect, test } from "vitest";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";
import { OWNED } from "../../../test/support/told-store.ts";
import { TcpProxy } from "../../../test/support/tcp-proxy.ts";
import { until } from "../../../test/support/until.ts";
import { bucketOf } from "../src/keys.ts";
import { TestNode } from "./node.ts";

const PRESENCE = "presence:1";

/** Incarnations that Redis has in its list of nodes. */
async function listed(server: RedisServer): Promise<readonly string[]> {
  const names = await server.command("ZRANGE", "carillon:{0}:nodes", 0, -1);
  return Array.isArray(names) ? names.map(String) : [];
}

/** What other nodes do who have not heard of a node for too long. */
async function declareDead(server: RedisServer, incarnation: string): Promise<void> {
  await server.command("HSET", `carillon:{${bucketOf(PRESENCE)}}:dead`, incarnation, 1);
}

/** Sets an entry as a session does that is refused and tries again at once. */
async function setAtOnce(node: TestNode, key: string): Promise<void> {
  for (let result = await node.set(PRESENCE, key, key); !result.ok;) result = await node.set(PRESENCE, key, key);
}

describe.skipIf(WITHOUT_REDIS !== null)(
  `the lease of a node${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`,
  () => {
    test(
      "what a node has set since it was declared dead ends with it, though it dies before its next beat",
      { timeout: 30_000 },
      async () => {
        await using server = await RedisServer.start();
        await using alive = await TestNode.open({ url: server.url });
        const before = await listed(server);
        const proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
        await using dying = await TestNode.open({ url: `redis://127.0.0.1:${proxy.port}` });
        const [incarnation = ""] = (await listed(server)).filter((name) => !before.includes(name));
        await alive.subscribe(PRESENCE, OWNED);
        await declareDead(server, incarnation);
        await setAtOnce(dying, "i_dying");
        proxy.refuse();
        proxy.reset();
        expect(await alive.keys(PRESENCE)).toEqual(["i_dying"]);
        await until(async () => (await alive.keys(PRESENCE)).length === 0, "its entry has ended", 9_000);
        await proxy.close();
      },
    );

    test("a node that is declared dead begins anew once, however many of its changes are refused for it", async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.open({ url: server.url });
      const [incarnation = ""] = await listed(server);
      await declareDead(server, incarnation);
      const keys = Array.from({ length: 200 }, (_, index) => `i_${index}`);
      const refused: boolean[] = [];
      // One after the other, and more than one at a time: what is asked in one go is refused as one.
      for (const key of keys) {
        void node.set(PRESENCE, key, key).then(({ ok }) => refused.push(!ok));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => refused.length === keys.length, "all are answered");
      expect(refused.filter((isRefused) => isRefused).length).toBeGreaterThan(1);
      await setAtOnce(node, "i_back");
      const turns = (await listed(server)).map((name) => name.split(".").at(-1));
      expect(new Set(turns)).toEqual(new Set(["0", "1"]));
      await until(() => node.lost.length > 0, "it is told of the loss");
      expect(node.lost).toEqual([null]);
    });
  },
);
