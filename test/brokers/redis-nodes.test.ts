import { defineContract, log, state } from "@carillon/protocol";
import { redis } from "@carillon/redis";
import { createCarillon, SILENT_LOGGER } from "@carillon/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as v from "valibot";
import { RedisServer, WITHOUT_REDIS } from "../support/redis-server.ts";
import { serve, type Serving } from "../support/serve.ts";
import { WireClient, type WireMessage } from "../support/wire-client.ts";

const contract = defineContract({
  channels: {
    "chat:{room}": log({
      data: v.string(),
      history: { size: 1_000, ttl: "1h" },
      presence: v.object({ name: v.string() }),
    }),
    "typing:{room}": state({ value: v.boolean(), ttl: "1s" }),
  },
});

const everything = { subscribe: true, publish: true, history: true, set: true, presence: true };
const ROOM = "chat:lobby";

function makeNode(url: string) {
  return createCarillon({
    contract,
    user: v.object({ id: v.string() }),
    backplane: redis({ url }),
    authorize: { "chat:{room}": () => everything, "typing:{room}": () => everything },
    logger: SILENT_LOGGER,
  });
}

/** What a client has of a channel: every item with its position, and the gaps it was told of. */
class Reader {
  readonly ids: string[] = [];
  readonly gaps: WireMessage[] = [];
  position = "";
  readonly client: WireClient;

  constructor(client: WireClient) {
    this.client = client;
    client.on((message) => {
      if (message.channel !== ROOM) return;
      if (message.push === "gap") this.gaps.push(message);
      if (message.push === "items") for (const { id } of message.items ?? []) if (id !== undefined) this.ids.push(id);
      if (typeof message.pos === "string") this.position = message.pos;
    });
  }
}

describe.skipIf(WITHOUT_REDIS !== null)(
  `two servers over one Redis${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`,
  () => {
    let broker: RedisServer;
    let one: ReturnType<typeof makeNode>;
    let two: ReturnType<typeof makeNode>;
    let first: Serving;
    let second: Serving;

    beforeAll(async () => {
      broker = await RedisServer.start();
      [one, two] = [makeNode(broker.url), makeNode(broker.url)];
      [first, second] = [await serve(one), await serve(two)];
    });

    afterAll(async () => {
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    });

    async function open(serving: Serving, user: string): Promise<WireClient> {
      return WireClient.connect(serving.url("/realtime"), await one.tickets.issue({ user: { id: user } }));
    }

    test("what is published on one comes to subscribers of the other, in one order", async () => {
      const readers: Reader[] = [];
      for (const serving of [first, second]) {
        const client = await open(serving, "reader");
        readers.push(new Reader(client));
        await client.command({ cmd: "subscribe", channel: ROOM });
      }
      const writers = [await open(first, "ada"), await open(second, "bob")];
      await Promise.all(
        writers.flatMap((client, writer) =>
          Array.from({ length: 50 }, (_, index) =>
            client.command({ cmd: "publish", channel: ROOM, publication: `w${writer}-${index}`, data: "hello" }),
          ),
        ),
      );
      await one.publish(ROOM, "from the application");
      await expect.poll(() => readers.map(({ ids }) => ids.length)).toEqual([101, 101]);
      const published = [0, 1].flatMap((writer) => Array.from({ length: 50 }, (_, index) => `w${writer}-${index}`));
      expect(readers[0]?.ids).toEqual(expect.arrayContaining(published));
      expect(readers[1]?.ids).toEqual(readers[0]?.ids);
      for (const client of [...writers, ...readers.map((reader) => reader.client)]) client.ws.terminate();
    });

    test("whoever comes back on the other server gets exactly what it missed, with the credential of the first", async () => {
      const client = await WireClient.open(first.url("/realtime"));
      const { resume } = await client.command({
        cmd: "connect",
        ticket: await one.tickets.issue({ user: { id: "eve" } }),
      });
      const reader = new Reader(client);
      const { position = "", pos = position } = (await client.command({ cmd: "subscribe", channel: ROOM })) as Record<
        string,
        string
      >;
      await one.publish(ROOM, "seen");
      await expect.poll(() => reader.ids.length).toBe(1);
      expect(pos).not.toBe("");
      client.ws.terminate();
      const missed = Array.from({ length: 20 }, (_, index) => `missed-${index}`);
      for (const id of missed) await one.publish(ROOM, id, { id });
      const back = await WireClient.open(second.url("/realtime"));
      const again = new Reader(back);
      await back.command({ cmd: "connect", resume });
      await back.command({ cmd: "subscribe", channel: ROOM, position: reader.position });
      // What follows shows that nothing came twice before it.
      await one.publish(ROOM, "live", { id: "live" });
      await expect.poll(() => again.ids.at(-1)).toBe("live");
      expect(again.ids).toEqual([...missed, "live"]);
      expect(again.gaps).toEqual([]);
      back.ws.terminate();
    });

    test("a ticket that is used on both at once lets one in", async () => {
      for (let round = 0; round < 20; round++) {
        const ticket = await two.tickets.issue({ user: { id: "eve" } });
        const clients = await Promise.all(
          [first, second, first, second].map((serving) => WireClient.open(serving.url("/realtime"))),
        );
        const outcomes = await Promise.allSettled(clients.map((client) => client.command({ cmd: "connect", ticket })));
        expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        for (const client of clients) client.ws.terminate();
      }
    });

    test("access that is revoked on one ends sessions on the other within a second", async () => {
      const client = await open(second, "mallory");
      const closed = new Promise<number>((resolve) => client.ws.on("close", resolve));
      const asked = performance.now();
      await one.tickets.revoke("mallory");
      expect(await closed).toBe(4500);
      expect(performance.now() - asked).toBeLessThan(1_000);
    });

    test(
      "an outage of Redis is survived by everybody who is connected, and nothing is lost or repeated",
      { timeout: 60_000 },
      async () => {
        const client = await open(second, "reader");
        const reader = new Reader(client);
        await client.command({ cmd: "subscribe", channel: ROOM });
        const writer = await open(first, "ada");
        const sent: string[] = [];
        const publishOnce = async (id: string): Promise<void> => {
          for (let tries = 0; tries < 200; tries++) {
            const outcome = await writer
              .command({ cmd: "publish", channel: ROOM, publication: id, data: "x" })
              .then(() => "ok")
              .catch((error: Error) => error.message);
            if (outcome === "ok") return void sent.push(id);
            expect(["unavailable", "timeout", "out_of_order"]).toContain(outcome);
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          throw new Error("Expected the publish to succeed in the end.");
        };
        for (let round = 0; round < 3; round++) {
          for (let index = 0; index < 20; index++) {
            if (index === 10) await broker.end("SIGKILL");
            const publishing = publishOnce(`out-${round}-${index}`);
            if (index === 10) await broker.start();
            await publishing;
          }
        }
        await expect.poll(() => reader.ids.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(sent.length);
        expect(reader.ids).toEqual(sent);
        expect(reader.gaps).toEqual([]);
        expect([client.ws.readyState, writer.ws.readyState]).toEqual([1, 1]);
        client.ws.terminate();
        writer.ws.terminate();
      },
    );
  },
);
