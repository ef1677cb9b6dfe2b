import { connect } from "@carillon/client";
import { nats } from "@carillon/nats";
import { defineContract, log } from "@carillon/protocol";
import { createCarillon } from "@carillon/server";
import * as v from "valibot";
import { beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { missingNats, NatsServer } from "../support/nats-server.ts";
import { serve } from "../support/serve.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { WireClient } from "../support/wire-client.ts";

const missing = missingNats();
const silent = (): void => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };
const user = v.object({ id: v.string() });
const contract = defineContract({
  channels: {
    "chat:{room}": log({
      data: v.string(),
      history: { size: 1_000, ttl: "1h" },
      presence: v.object({ name: v.string() }),
    }),
  },
});
const grant = { subscribe: true, publish: true, history: true, presence: true, enter: true };

/** One node of a cluster: everything that it shares with the others is in NATS. */
function node(server: NatsServer) {
  const authorize = { "chat:{room}": () => grant };
  return createCarillon({ contract, user, authorize, backplane: nats({ servers: server.address }), logger });
}

/** Two nodes, and clients that know nothing of there being two. */
describe("two nodes on one NATS", () => {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  test("what is published on one is heard on the other, once and in order, by clients and by the application", async () => {
    await using server = await NatsServer.start();
    const [one, two] = [node(server), node(server)];
    await using atOne = await serve(one);
    await using atTwo = await serve(two);
    const ada = connect<typeof contract>({
      url: atOne.url("/realtime"),
      WebSocket,
      ticket: () => one.tickets.issue({ user: { id: "ada" } }),
    });
    const bob = connect<typeof contract>({
      url: atTwo.url("/realtime"),
      WebSocket,
      // A ticket of one node is good on another.
      ticket: () => one.tickets.issue({ user: { id: "bob" } }),
    });
    const seen: string[] = [];
    const room = bob.channel("chat:lobby");
    room.on("publication", ({ data }) => seen.push(data));
    room.on("gap", ({ reason }) => seen.push(`gap: ${reason}`));
    await room.subscribe();
    const sent: string[] = [];
    for (let count = 0; count < 50; count++) {
      sent.push(`${count}`);
      if (count % 2 === 0) await ada.channel("chat:lobby").publish(`${count}`);
      else await two.publish("chat:lobby", `${count}`);
    }
    await expect.poll(() => seen).toEqual(sent);
    const { publications } = await one.history("chat:lobby", { limit: 100 });
    expect(publications.map(({ data }) => data)).toEqual(sent);
    ada.disconnect();
    bob.disconnect();
  });

  test("a client that comes back to another node has missed nothing, and its members stay", async () => {
    await using server = await NatsServer.start();
    const [one, two] = [node(server), node(server)];
    await using atOne = await serve(one);
    await using atTwo = await serve(two);
    const target = { host: "127.0.0.1", port: atOne.port };
    const proxy = await TcpProxy.start(target);
    const bob = connect<typeof contract>({
      url: `ws://127.0.0.1:${proxy.port}/realtime`,
      WebSocket,
      ticket: () => one.tickets.issue({ user: { id: "bob" } }),
    });
    const seen: string[] = [];
    const room = bob.channel("chat:lobby");
    room.on("publication", ({ data }) => seen.push(data));
    room.on("gap", ({ reason }) => seen.push(`gap: ${reason}`));
    await room.subscribe();
    await room.presence.enter({ name: "Bob" });
    const sent: string[] = [];
    for (let move = 0; move < 4; move++) {
      const data = `before ${move}`;
      await two.publish("chat:lobby", data);
      sent.push(data);
      await expect.poll(() => seen).toEqual(sent);
      target.port = move % 2 === 0 ? atTwo.port : atOne.port;
      proxy.refuse();
      proxy.reset();
      for (let count = 0; count < 20; count++) {
        const missed = `missed ${move} ${count}`;
        await one.publish("chat:lobby", missed);
        sent.push(missed);
      }
      proxy.accept();
      await expect.poll(() => seen).toEqual(sent);
      await room.publish(`own ${move}`);
      sent.push(`own ${move}`);
      await expect.poll(() => seen).toEqual(sent);
      expect((await two.presence("chat:lobby")).map(({ info }) => info)).toEqual([{ name: "Bob" }]);
    }
    bob.disconnect();
    await proxy.close();
  });

  test("a ticket that is used on both at once lets one in", async () => {
    await using server = await NatsServer.start();
    const [one, two] = [node(server), node(server)];
    await using atOne = await serve(one);
    await using atTwo = await serve(two);
    for (let round = 0; round < 20; round++) {
      const ticket = await one.tickets.issue({ user: { id: "ada" } });
      const entries = await Promise.allSettled(
        [atOne, atTwo, atOne, atTwo].map((at) => WireClient.connect(at.url("/realtime"), ticket)),
      );
      const entered = entries.filter(({ status }) => status === "fulfilled");
      expect(entered).toHaveLength(1);
      for (const entry of entries) if (entry.status === "fulfilled") entry.value.ws.terminate();
    }
  });

  test("a user whose access is revoked on one node is out on the other", async () => {
    await using server = await NatsServer.start();
    const [one, two] = [node(server), node(server)];
    await using atOne = await serve(one);
    await using atTwo = await serve(two);
    const eve = await WireClient.connect(atTwo.url("/realtime"), await one.tickets.issue({ user: { id: "eve" } }));
    const late = await one.tickets.issue({ user: { id: "eve" } });
    const closed = new Promise<number>((resolve) => eve.ws.on("close", resolve));
    await one.tickets.revoke("eve");
    expect(await closed).toBe(4500);
    await expect(WireClient.connect(atOne.url("/realtime"), late)).rejects.toThrow("ticket_refused");
  });
});
