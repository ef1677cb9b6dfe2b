import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TestNode } from "./node.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";
import { until } from "../../../test/support/until.ts";

const ROOM = "chat:lobby";

function codes(results: readonly { readonly ok: boolean; readonly code?: string }[]): string[] {
  return results.map((result) => (result.ok ? "ok" : (result.code ?? "")));
}

describe.skipIf(WITHOUT_REDIS !== null)(`Redis in trouble${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`, () => {
  test(
    "a server that was killed is told of, publishes fail within the bound, and everything heals by itself",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url });
      const start = await node.subscribe(ROOM);
      expect(codes(await node.publishMany(ROOM, 20))).toEqual(Array.from({ length: 20 }, () => "ok"));
      await server.end("SIGKILL");
      await until(() => node.availability.includes(false), "the outage is told of");
      const asked = performance.now();
      expect(codes(await node.publishMany(ROOM, 3, "lost"))).toEqual(["unavailable", "out_of_order", "out_of_order"]);
      expect(performance.now() - asked).toBeLessThan(5_000);
      await server.start();
      await until(() => node.availability.at(-1) === true, "Redis can be reached again");
      await until(() => node.isSuspect(ROOM), "everybody compares");
      const known = node.suspects.length;
      expect((await node.publish(ROOM, "after")).ok).toBe(true);
      // What comes before the control messages are caught up with is not handed on, but read behind them.
      await until(
        () => node.delivered(ROOM).includes("after") || node.suspects.length > known,
        "delivered, or compared",
      );
      expect((await node.publish(ROOM, "later")).ok).toBe(true);
      await until(() => node.delivered(ROOM).includes("later"), "delivery goes on");
      const page = await node.read(ROOM, start);
      expect([page.gap, page.records.length]).toEqual([null, 22]);
    },
  );

  test(
    "what was under way when the connection was cut lands once, whether it is sent again or not",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url });
      const sent: string[] = [];
      for (let round = 0; round < 30; round++) {
        const id = `r${round}`;
        const publishing = node.publishUntilKnown(ROOM, id);
        await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await publishing;
        sent.push(id);
      }
      // The last cut may still be on its way.
      await expect.poll(() => node.ids(ROOM).catch(String)).toEqual(sent);
    },
  );

  test(
    "a listener that was cut off asks for everything again, and every channel is suspect",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url });
      const channels = Array.from({ length: 2_000 }, (_, index) => `chat:${index}`);
      await Promise.all(channels.map((channel) => node.subscribe(channel)));
      await server.command("CLIENT", "KILL", "TYPE", "pubsub");
      await until(
        () => new Set(node.suspects.map(({ channel }) => channel)).size === channels.length,
        "all are suspect",
      );
      const known = node.suspects.length;
      const results = await Promise.all(channels.map((channel) => node.publish(channel, "after")));
      const published = channels.filter((_, index) => results[index]?.ok);
      // On a machine that stands still for a second, the listener is given up once more: that is told, too.
      await until(() => {
        const heardOf = new Set([...node.deliveries, ...node.suspects.slice(known)].map(({ channel }) => channel));
        return published.every((channel) => heardOf.has(channel));
      }, "all are delivered again, or suspect");
      expect(published.length).toBeGreaterThan(0);
      expect(node.availability.at(-1)).toBe(true);
    },
  );

  test(
    "a server that is stopped for a while is given up in time, and nothing lands twice",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url });
      await node.subscribe(ROOM);
      await node.publish(ROOM, "before");
      server.signal("SIGSTOP");
      const asked = performance.now();
      const [first, second] = await Promise.all([node.publish(ROOM, "p1"), node.publish(ROOM, "p2")]);
      expect(performance.now() - asked).toBeLessThan(6_000);
      expect(first.ok || first.code).toBe("timeout");
      expect(second.ok || second.code).toBe("out_of_order");
      const later = await node.publish(ROOM, "p3");
      expect(later.ok || later.code).toBe("unavailable");
      server.signal("SIGCONT");
      await until(() => node.availability.at(-1) === true, "Redis answers again");
      for (const id of ["p1", "p2", "p3"]) {
        const resend = { epoch: node.epoch, at: Date.now() };
        const again = await node.publish(ROOM, id, { idempotency: { scope: "i:i_1", fingerprint: id, resend } });
        expect(again.ok).toBe(true);
      }
      expect(await node.ids(ROOM)).toEqual(["before", "p1", "p2", "p3"]);
      await until(() => node.delivered(ROOM).length === 4 || node.isSuspect(ROOM), "delivered, or compared");
      expect(new Set(node.delivered(ROOM)).size).toBe(node.delivered(ROOM).length);
    },
  );

  test(
    "load beyond what may wait for a server that stands still is shed, and nothing is lost of what it took",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url, timeoutMs: 5_000, requestsMax: 100 });
      await node.publish(ROOM, "first");
      server.signal("SIGSTOP");
      const publishing = Array.from({ length: 300 }, (_, index) => node.publish(`chat:${index}`, "p"));
      server.signal("SIGCONT");
      const results = await Promise.all(publishing);
      const taken = results.filter(({ ok }) => ok).length;
      // The place of the first is free a moment after its answer.
      expect(taken).toBeGreaterThanOrEqual(99);
      expect(new Set(codes(results))).toEqual(new Set(["ok", "overloaded"]));
      for (const [index, { ok }] of results.entries()) expect(await node.ids(`chat:${index}`)).toEqual(ok ? ["p"] : []);
      expect((await node.publish("chat:299", "again")).ok).toBe(true);
    },
  );

  test("scripts that the server has forgotten are sent again", async () => {
    await using server = await RedisServer.start();
    await using node = await TestNode.impatient({ url: server.url });
    await node.publish(ROOM, "one");
    await server.command("SCRIPT", "FLUSH");
    expect((await node.publish(ROOM, "two")).ok).toBe(true);
    expect(await node.ids(ROOM)).toEqual(["one", "two"]);
  });

  test(
    "a server without memory refuses publishes as overloaded, still serves readers, and goes on when it has room",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url });
      await node.subscribe(ROOM);
      await node.publish(ROOM, "one");
      await server.command("CONFIG", "SET", "maxmemory", 1_000_000);
      const refused = await node.publish(ROOM, "two");
      expect(refused.ok || refused.code).toBe("overloaded");
      expect(await node.ids(ROOM)).toEqual(["one"]);
      await server.command("CONFIG", "SET", "maxmemory", 0);
      expect((await node.publish(ROOM, "two")).ok).toBe(true);
      expect(await node.ids(ROOM)).toEqual(["one", "two"]);
    },
  );

  test(
    "a server that can't write its snapshot (MISCONF) refuses publishes, and none lands",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start("--appendonly", "no", "--dbfilename", "blocked.rdb");
      await using node = await TestNode.impatient({ url: server.url });
      await node.publish(ROOM, "one");
      await server.command("CONFIG", "SET", "save", "3600 1");
      // A folder in the way of the file makes the snapshot fail, for root too.
      await mkdir(join(server.folder, "blocked.rdb", "by a folder"), { recursive: true });
      await server.command("BGSAVE");
      await until(async () => {
        const info = String(await server.command("INFO", "persistence"));
        return info.includes("rdb_last_bgsave_status:err");
      }, "the snapshot fails");
      const refused = await node.publish(ROOM, "two");
      expect(refused.ok || refused.code).toBe("unavailable");
      expect(await node.ids(ROOM)).toEqual(["one"]);
      await server.command("CONFIG", "SET", "save", "");
      expect((await node.publish(ROOM, "two")).ok).toBe(true);
    },
  );

  test(
    "a server that follows another one (READONLY) is not written to, and is used again when it leads",
    { timeout: 30_000 },
    async () => {
      await using leader = await RedisServer.start();
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url });
      await node.publish(ROOM, "one");
      await server.command("REPLICAOF", "127.0.0.1", leader.port);
      await until(async () => {
        const refused = await node.publish(ROOM, "two");
        return !refused.ok && refused.code === "unavailable";
      }, "publishes are refused");
      await until(() => node.availability.at(-1) === false, "the outage is told of");
      await until(
        async () => String(await server.command("INFO", "replication")).includes("master_link_status:up"),
        "it follows",
      );
      await server.command("REPLICAOF", "NO", "ONE");
      await until(() => node.availability.at(-1) === true, "it serves again");
      // It has what its leader had: nothing. The memory of ids went with the log, so that nothing is repeated unchecked.
      const epoch = node.epoch;
      expect((await node.publish(ROOM, "two")).ok).toBe(true);
      expect(node.epoch).not.toBe(epoch);
    },
  );

  test(
    "FLUSHALL under a running node is noticed within two seconds, and begins new epochs",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.open({ url: server.url, timeoutMs: 800 });
      await node.subscribe(ROOM);
      const [first] = await node.publishMany(ROOM, 5);
      await until(() => node.delivered(ROOM).length === 5, "delivery");
      // The second look has begun, so the first look at the bucket is over.
      await server.command("CONFIG", "RESETSTAT");
      await until(
        async () => /cmdstat_mget:calls=([2-9]|\d\d)/.test(String(await server.command("INFO", "commandstats"))),
        "two looks",
      );
      const { epoch } = node;
      const flushed = performance.now();
      await server.command("FLUSHALL");
      await until(() => node.isSuspect(ROOM), "the channel is suspect");
      expect((node.suspects[0]?.atMs ?? 0) - flushed).toBeLessThan(2_000);
      if (first?.ok !== true) throw new Error("Expected a position.");
      expect((await node.read(ROOM, first.pos)).gap).toBe("epoch");
      const resend = { epoch, at: Date.now() };
      const again = await node.publish(ROOM, "p", { idempotency: { scope: "i:i_1", fingerprint: "p", resend } });
      expect(again.ok || again.code).toBe("epoch_changed");
      expect(node.epoch).not.toBe(epoch);
    },
  );

  test(
    "a server that loads its data (LOADING) is asked again later, and has everything once",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.impatient({ url: server.url });
      const channels = Array.from({ length: 100 }, (_, index) => `chat:${index}`);
      for (const channel of channels) await node.publishUntilKnown(channel, "before");
      // It takes its time over every key, and says so to whoever asks meanwhile.
      await server.command("CONFIG", "SET", "key-load-delay", 1_000);
      await server.command("CONFIG", "SET", "loading-process-events-interval-bytes", 1_024);
      const loaded = server.command("DEBUG", "RELOAD");
      await until(async () => /LOADING/.test(String(await server.command("GET", "x").catch(String))), "it loads");
      const refused = await node.publish(ROOM, "too early");
      expect(refused.ok || refused.code).toBe("unavailable");
      await until(() => node.availability.at(-1) === false, "the outage is told of");
      await Promise.all(channels.map((channel) => node.publishUntilKnown(channel, "after")));
      await loaded;
      await until(() => node.availability.at(-1) === true, "it serves again");
      for (const channel of channels) expect(await node.ids(channel)).toEqual(["before", "after"]);
      expect(await node.ids(ROOM)).toEqual([]);
    },
  );

  test(
    "a live message that was lost, the last of its channel, is noticed within two seconds",
    { timeout: 30_000 },
    async () => {
      await using server = await RedisServer.start();
      await using node = await TestNode.open({ url: server.url });
      // A user that may do everything but publish: what it appends is stored, and nobody is told.
      await server.command("ACL", "SETUSER", "mute", "on", ">secret", "allkeys", "allcommands", "resetchannels");
      await using mute = await TestNode.open({ url: `redis://mute:secret@127.0.0.1:${server.port}` });
      await node.subscribe(ROOM);
      await node.subscribe("chat:quiet");
      await node.publish(ROOM, "one");
      await until(() => node.delivered(ROOM).length === 1, "delivery");
      const took: number[] = [];
      for (let round = 0; round < 5; round++) {
        const before = node.suspects.length;
        const published = performance.now();
        expect((await mute.publish(ROOM, `lost-${round}`)).ok).toBe(true);
        await until(() => node.suspects.length > before, "the loss is noticed");
        took.push(performance.now() - published);
        // As the hub does: it asks anew, and goes on from there.
        await node.subscribe(ROOM);
      }
      expect(Math.max(...took)).toBeLessThan(2_000);
      expect(node.isSuspect("chat:quiet")).toBe(false);
      expect((await node.read(ROOM, node.deliveries[0]?.pos ?? "")).records).toHaveLength(5);
    },
  );

  test("a store that can't keep its promises is refused with a sentence", { timeout: 30_000 }, async () => {
    await using evicting = await RedisServer.start("--maxmemory-policy", "allkeys-lru");
    await expect(TestNode.open({ url: evicting.url })).rejects.toThrow(/noeviction/);
    const port = await freePort();
    await expect(TestNode.open({ url: `redis://127.0.0.1:${port}`, timeoutMs: 500 })).rejects.toThrow(/does not serve/);
    await expect(TestNode.open({ url: "http://127.0.0.1" })).rejects.toThrow(/redis:\/\//);
    await using volatile = await RedisServer.start("--appendonly", "no");
    await using node = await TestNode.open({ url: volatile.url });
    expect(node.logged.some((message) => message.includes("append-only"))).toBe(true);
  });
});
