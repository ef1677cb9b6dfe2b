import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { LiveSwallower } from "../support/live-swallower.ts";
import { missingNats, NatsServer } from "../support/nats-server.ts";
import { Store } from "../support/nats-store.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

const missing = missingNats();
const TIMEOUT = 60_000;

/** Every delivery starts where the one before it ended. */
function expectLinked({ deliveries }: Store): void {
  for (const [index, { prev }] of deliveries.entries()) if (index > 0) expect(prev).toBe(deliveries[index - 1]?.pos);
}

describe("the NATS backplane, when NATS fails", () => {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  test(
    "a server that can't be reached, or has no JetStream, is refused with a sentence",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      const { address } = server;
      await expect(Store.open(server, { name: "no.dots" })).rejects.toThrow("name of a NATS backplane");
      await server.stop();
      await expect(Store.open({ address }, { startMs: 300 })).rejects.toThrow("can't be reached");
      const opening = Store.open({ address });
      await server.start();
      await using store = await opening;
      await store.published("p1");
    },
  );

  test(
    "publishes fail within their bound while NATS is gone, and what was acknowledged survives its kill",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      await using store = await Store.open(server, { patienceMs: 500 });
      const start = await store.subscribe();
      const acknowledged: string[] = [];
      for (let count = 0; count < 200; count++) {
        await store.published(`p${count}`);
        acknowledged.push(`p${count}`);
      }
      await server.stop();
      await until(() => store.availability.at(-1) === false);
      const refused = await store.publish("lost");
      expect(refused.ok ? "ok" : refused.code).toBe("unavailable");
      expect(await store.read(start)).toBe("unavailable");
      await server.start();
      await until(() => store.availability.at(-1) === true);
      await store.publishUntilKnown("after");
      expect(await store.everything()).toEqual([...acknowledged, "after"]);
      expect(store.delivered()).toEqual([...acknowledged, "after"]);
      expectLinked(store);
    },
  );

  test("ten kills of NATS under load lose, repeat and reorder nothing", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server, { patienceMs: 300 });
    await using two = await Store.open(server, { patienceMs: 300 });
    await two.subscribe();
    const load = { isOver: false };
    const sent: string[][] = [[], []];
    const publishing = [one, two].map(async (store, index) => {
      for (let count = 0; !load.isOver; count++) {
        const id = `${index}-${count}`;
        await store.publishUntilKnown(id);
        sent[index]?.push(id);
      }
    });
    for (let kill = 0; kill < 10; kill++) {
      const count = sent.flat().length;
      await until(() => sent.flat().length > count + 50);
      await server.stop();
      await server.start();
    }
    load.isOver = true;
    await Promise.all(publishing);
    const stored = await one.everything();
    expect(stored).toHaveLength(sent.flat().length);
    for (const [index, ids] of sent.entries()) expect(stored.filter((id) => id.startsWith(`${index}-`))).toEqual(ids);
    await until(() => two.delivered().length >= stored.length);
    expect(two.delivered()).toEqual(stored);
    expectLinked(two);
    expect(two.suspects).toEqual([]);
  });

  test(
    "publishes that lose against another node for too long are not overtaken by those behind them",
    async () => {
      await using server = await NatsServer.start();
      const proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
      await using store = await Store.open({ address: `127.0.0.1:${proxy.port}` }, { patienceMs: 1 });
      await using rival = await Store.open(server);
      for (let round = 0; round < 3; round++) {
        await store.publishUntilKnown(`before ${round}`);
        // What the store sends is late, behind what the other node stores meanwhile.
        proxy.stall();
        // More than one block takes, so that some are behind those that lose.
        const ids = Array.from({ length: 700 }, (_, index) => `p${round}-${index}`);
        const scope = { idempotency: { scope: `i:${round}`, fingerprint: "f", resend: null } };
        const publishing = store.publishAll(ids, scope);
        await rival.published(`r${round}`);
        proxy.resume();
        const codes = (await publishing).map((result) => (result.ok ? "ok" : result.code));
        expect(codes).toEqual(["overloaded", ...ids.slice(1).map(() => "out_of_order")]);
      }
      expect(await rival.everything()).toEqual([0, 1, 2].flatMap((round) => [`before ${round}`, `r${round}`]));
      await proxy.close();
    },
    TIMEOUT,
  );

  test("a server that is stopped for a while delays, and loses and repeats nothing", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    await using store = await Store.open(server, { patienceMs: 500 });
    await store.subscribe();
    await store.published("before");
    await server.pause();
    const stuck = await store.publish("stuck");
    expect(stuck.ok ? "ok" : stuck.code).toMatch(/^(?:timeout|unavailable)$/);
    const behind = await store.publish("behind");
    expect(behind.ok).toBe(false);
    await until(() => store.availability.at(-1) === false);
    server.resume();
    await until(() => store.availability.at(-1) === true);
    for (const id of ["stuck", "behind"]) await store.publishUntilKnown(id);
    expect((await store.everything()).filter((id) => id === "stuck")).toHaveLength(1);
    expect((await store.everything()).filter((id) => id === "behind")).toHaveLength(1);
    const stored = await store.everything();
    await until(() => store.delivered().length >= stored.length);
    expect(store.delivered()).toEqual(stored);
  });

  test("messages between nodes are no larger than NATS takes, and one that is holds up nothing behind it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "carillon-nats-"));
    const settings = join(folder, "small.conf");
    await writeFile(settings, "max_payload: 8KB");
    await using server = await NatsServer.start(undefined, ["-c", settings]);
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    const message = (user: string, reason = "") => ({ type: "disconnect", user, code: 4_500, reason }) as const;
    const small = Array.from({ length: 400 }, (_, index) => message(`u${index}`));
    for (const each of [message("first"), message("large", "x".repeat(8_000)), ...small])
      one.backplane.control.send(each);
    await until(() => two.controls.length > small.length + 1);
    expect(two.controls).toEqual([message("first"), { type: "missed" }, ...small]);
    expect(one.controls).toHaveLength(small.length + 2);
    expect(one.warnings).toEqual(["A message to other nodes was dropped: NATS takes none of that size."]);
    await rm(folder, { recursive: true });
  });

  test(
    "a live message that was swallowed is noticed and delivered, though nothing follows it in its channel",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      await using proxy = await LiveSwallower.start(server);
      await using publisher = await Store.open(server);
      await using listener = await Store.open(proxy);
      await listener.subscribe();
      // Enough channels for the watch to list changes, and too few for it to ask each channel.
      for (let room = 0; room < 20; room++) await listener.subscribe(`chat:${room}`);
      await publisher.published("seen");
      await until(() => listener.delivered().includes("seen"));
      for (let round = 0; round < 5; round++) {
        proxy.isSwallowing = true;
        const count = proxy.swallowed;
        await publisher.published(`swallowed-${round}`);
        await until(() => proxy.swallowed > count);
        proxy.isSwallowing = false;
        await publisher.published(`elsewhere-${round}`, { channel: "chat:elsewhere" });
        await until(() => listener.delivered().includes(`swallowed-${round}`));
      }
      expectLinked(listener);
      expect(listener.suspects).toEqual([]);
    },
  );

  test(
    "a connection whose greeting breaks is tried again before the lease of its node is over",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      const proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
      await using store = await Store.open({ address: `127.0.0.1:${proxy.port}` });
      // The greeting has some hundred bytes; at some of these it breaks where the driver hears of it by silence alone.
      for (let bytes = 390; bytes <= 480; bytes += 15) {
        const count = store.availability.length;
        proxy.cutAfter(bytes);
        proxy.reset();
        const startMs = performance.now();
        await until(() => store.availability.length >= count + 2 && store.availability.at(-1) === true);
        expect(performance.now() - startMs).toBeLessThan(3_000);
      }
      await store.published("after all of it");
      await proxy.close();
    },
  );

  test("a store that NATS falls silent on while it opens, opens all the same", { timeout: TIMEOUT }, async () => {
    await using server = await NatsServer.start();
    // Behind its own first beat it hears one of another node, and then nothing for longer than a lease.
    const silentMs = 4_500;
    let held: Buffer = Buffer.alloc(0);
    let isSilent = false;
    const proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port }, () => (chunk) => {
      const bytes = Buffer.concat([held, chunk]);
      held = Buffer.alloc(0);
      const beat = /MSG (\S+\.beat) (\d+) (\d+)\r\n/.exec(bytes.toString("latin1"));
      if (isSilent || beat === null) return bytes;
      isSilent = true;
      proxy.stall();
      setTimeout(() => proxy.resume(), silentMs);
      const [line, subject, sid, size] = beat;
      const end = beat.index + line.length + Number(size) + 2;
      held = bytes.subarray(end);
      return Buffer.concat([bytes.subarray(0, end), Buffer.from(`MSG ${subject} ${sid} 9\r\nother.0 1\r\n`)]);
    });
    await using store = await Store.open({ address: `127.0.0.1:${proxy.port}` });
    await store.publishUntilKnown("after the silence");
    expect(isSilent).toBe(true);
    await proxy.close();
  });

  test(
    "a publish that is repeated on another node, after its answer was lost, lands once",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      await using one = await Store.open(server);
      await using two = await Store.open(server);
      // On a busy machine one may be refused for now; whoever publishes sends it again then.
      const results = await Promise.all([one, two, one, two].map((store) => store.publishUntilKnown("p1")));
      expect(new Set(results.map(({ pos }) => pos)).size).toBe(1);
      // None, if the answer to the one that landed was late.
      expect(results.filter(({ duplicate }) => !duplicate).length).toBeLessThanOrEqual(1);
      expect(await two.everything()).toEqual(["p1"]);
      const other = await two.publish("p1", { idempotency: { scope: "i:i_1", fingerprint: "g", resend: null } });
      expect(other.ok ? "ok" : other.code).toBe("id_reused");
    },
  );
});
