import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestNode } from "./node.ts";
import { until } from "../../../test/support/until.ts";
import { cli, startCluster } from "../../../test/support/redis-cluster.ts";
import { type RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";

const CHANNELS = Array.from({ length: 150 }, (_, index) => `chat:${index}`);

describe.skipIf(WITHOUT_REDIS !== null)(
  `a Redis Cluster of three${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`,
  () => {
    let servers: readonly RedisServer[] = [];

    beforeAll(async () => {
      if (WITHOUT_REDIS === null) servers = await startCluster();
    }, 60_000);

    afterAll(async () => {
      for (const server of servers) await server[Symbol.asyncDispose]();
    });

    test("channels, credentials and control messages work across its servers", { timeout: 60_000 }, async () => {
      const url = servers[0]?.url ?? "";
      await using one = await TestNode.open({ url });
      await using two = await TestNode.open({ url: servers[1]?.url ?? "" });
      await Promise.all(CHANNELS.map((channel) => two.subscribe(channel)));
      const results = await Promise.all(CHANNELS.map((channel) => one.publish(channel, "p1")));
      expect(results.every(({ ok }) => ok)).toBe(true);
      await until(() => CHANNELS.every((channel) => two.delivered(channel).length === 1), "delivery everywhere");
      const again = await two.publish(CHANNELS[7] ?? "", "p1");
      expect(again.ok && again.duplicate).toBe(true);
      one.store.control.send({ type: "replace", instance: "i_1", session: "s_1", term: 2 });
      await until(() => two.controls.length > 0, "the message");
      for (let index = 0; index < 20; index++) {
        await new Promise((done) => one.store.tickets.put(`k${index}`, "v", 60_000, done));
        expect(await new Promise((done) => two.store.tickets.take(`k${index}`, done))).toEqual({
          ok: true,
          value: "v",
        });
      }
    });

    test(
      "a bucket that moves to another server is followed, its subscribers compare, and nothing is lost",
      { timeout: 60_000 },
      async () => {
        const [from, to] = servers;
        if (from === undefined || to === undefined) throw new Error("Expected servers.");
        await using node = await TestNode.impatient({ url: to.url, name: "moving" });
        await Promise.all(CHANNELS.map((channel) => node.subscribe(channel)));
        await Promise.all(CHANNELS.map((channel) => node.publish(channel, "before")));
        const toId = cli("-p", String(to.port), "cluster", "myid");
        const fromId = cli("-p", String(from.port), "cluster", "myid");
        const reshard = ["--cluster-from", fromId, "--cluster-to", toId, "--cluster-slots", "2500", "--cluster-yes"];
        cli("--cluster", "reshard", `127.0.0.1:${from.port}`, ...reshard);
        const late = new Set(CHANNELS);
        await until(
          async () => {
            const tried = await Promise.all(
              [...late].map(async (channel) => ({ channel, result: await node.publish(channel, "after") })),
            );
            for (const { channel, result } of tried) if (result.ok) late.delete(channel);
            return late.size === 0;
          },
          "everything can be published again",
          30_000,
        );
        for (const channel of CHANNELS) expect(await node.ids(channel)).toEqual(["before", "after"]);
        // What was delivered and what is suspect together: nobody has missed anything unnoticed.
        await until(
          () => CHANNELS.every((channel) => node.delivered(channel).includes("after") || node.isSuspect(channel)),
          "delivered, or noticed",
          15_000,
        );
        expect(new Set(node.suspects.map(({ channel }) => channel)).size).toBeGreaterThan(0);
      },
    );

    test(
      "a server of it that dies takes only its buckets along, and they come back with it",
      { timeout: 90_000 },
      async () => {
        const [first, , third] = servers;
        if (first === undefined || third === undefined) throw new Error("Expected servers.");
        await Promise.all(
          servers.map((server) => server.command("CONFIG", "SET", "cluster-require-full-coverage", "no")),
        );
        await using node = await TestNode.impatient({ url: first.url, name: "dying" });
        await Promise.all(CHANNELS.map((channel) => node.subscribe(channel)));
        await Promise.all(CHANNELS.map((channel) => node.publish(channel, "before")));
        await third.end("SIGKILL");
        await until(() => node.availability.at(-1) === false, "the outage is told of");
        const results = await Promise.all(CHANNELS.map((channel) => node.publish(channel, "during")));
        const failed = CHANNELS.filter((_, index) => results[index]?.ok !== true);
        expect(failed.length).toBeGreaterThan(10);
        expect(failed.length).toBeLessThan(CHANNELS.length - 10);
        await third.start();
        await until(() => node.availability.at(-1) === true, "it is back", 30_000);
        await until(async () => (await node.publish(failed[0] ?? "", "after")).ok, "its buckets are served", 30_000);
        for (const channel of failed) expect((await node.ids(channel))[0]).toBe("before");
        await until(() => failed.every((channel) => node.isSuspect(channel)), "subscribers of its channels compare");
      },
    );
  },
);
