import { createAdaptorServer } from "@hono/node-server";
import { defineContract, log } from "@carillon/protocol";
import { createCarillon, SILENT_LOGGER } from "@carillon/server";
import express from "express";
import { fastify } from "fastify";
import { Hono } from "hono";
import { once } from "node:events";
import { createServer, Server } from "node:http";
import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { closeHttp, listen } from "../support/serve.ts";

const contract = defineContract({ channels: { "chat:{room}": log({ data: v.object({ text: v.string() }) }) } });

/** An application with a route of its own, `/hello`, and the HTTP server that it runs on. */
interface Host {
  readonly name: string;
  make(): Promise<Server>;
}

const HOSTS: readonly Host[] = [
  {
    name: "Express",
    make: async () => {
      const app = express();
      app.get("/hello", (_request, response) => void response.send("hello"));
      return createServer((request, response) => void app(request, response));
    },
  },
  {
    name: "Fastify",
    make: async () => {
      const app = fastify();
      app.get("/hello", async () => "hello");
      await app.ready();
      return app.server;
    },
  },
  {
    name: "Hono",
    make: async () => {
      const app = new Hono();
      app.get("/hello", (context) => context.text("hello"));
      const server = createAdaptorServer({ fetch: app.fetch });
      if (server instanceof Server) return server;
      throw new TypeError("Expected an HTTP/1 server.");
    },
  },
];

function makeCarillon() {
  return createCarillon({
    contract,
    user: v.object({ id: v.string() }),
    authorize: { "chat:{room}": () => true },
    raw: { "/raw/echo": { handler: (peer) => void peer.on("message", (data) => peer.send(data)) } },
    logger: SILENT_LOGGER,
  });
}

/** The application's own WebSocket endpoint, as the documentation of `ws` shows it for a server that is shared. */
function ownEndpoint(server: Server): void {
  const own = new WebSocketServer({ noServer: true });
  own.on("connection", (ws) => ws.on("message", (data: Buffer) => ws.send(`own: ${data.toString()}`)));
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/other") own.handleUpgrade(request, socket, head, (ws) => own.emit("connection", ws, request));
  });
}

/** The first message that comes back after another is sent. */
async function ask(url: string, message: string, protocol: string[] = []): Promise<string> {
  const ws = new WebSocket(url, protocol);
  await once(ws, "open");
  ws.send(message);
  const [answer]: unknown[] = await once(ws, "message");
  const closed = once(ws, "close");
  ws.close(1000);
  await closed;
  return String(answer);
}

/** The status that an upgrade is refused with. */
async function refusalOf(url: string, protocol: string[] = []): Promise<number | undefined> {
  const ws = new WebSocket(url, protocol);
  return new Promise((resolve, reject) => {
    ws.on("unexpected-response", (_request, response) => {
      response.resume();
      resolve(response.statusCode);
    });
    ws.on("open", () => reject(new Error("Expected a refusal, the upgrade went through.")));
    ws.on("error", reject);
  });
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe.each(HOSTS)("beside a $name application", ({ make }) => {
  async function start(options: { readonly hasOwnEndpoint: boolean }) {
    const server = await make();
    const carillon = makeCarillon();
    if (options.hasOwnEndpoint) ownEndpoint(server);
    const detach = carillon.attach(server);
    await carillon.ready();
    const port = await listen(server);
    cleanups.push(async () => {
      await carillon.close();
      await closeHttp(server);
    });
    return { carillon, detach, http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}` };
  }

  it("serves its paths, and leaves the application its routes and its own WebSockets", async () => {
    const { carillon, http, ws } = await start({ hasOwnEndpoint: true });
    const ticket = await carillon.tickets.issue({ user: { id: "ada" } });
    const connect = JSON.stringify({ cmd: "connect", id: 1, ticket });
    expect(JSON.parse(await ask(`${ws}/realtime`, connect, ["carillon.1.json"]))).toMatchObject({
      re: 1,
      ok: { user: "ada" },
    });
    expect(await ask(`${ws}/raw/echo`, "again")).toBe("again");
    expect(await ask(`${ws}/other`, "mine")).toBe("own: mine");
    expect(await (await fetch(`${http}/hello`)).text()).toBe("hello");
    expect((await fetch(`${http}/nowhere`)).status).toBe(404);
  });

  it("refuses an upgrade that nobody else could answer, and one without its protocol", async () => {
    const { ws, http } = await start({ hasOwnEndpoint: false });
    expect(await refusalOf(`${ws}/unknown`)).toBe(404);
    expect(await refusalOf(`${ws}/hello`)).toBe(404);
    expect(await refusalOf(`${ws}/realtime`)).toBe(400);
    expect(await (await fetch(`${http}/hello`)).text()).toBe("hello");
  });

  it("leaves an unknown path to the application's own listener, which may take its time", async () => {
    const { ws } = await start({ hasOwnEndpoint: true });
    const lost = new WebSocket(`${ws}/unknown`);
    const failed = once(lost, "error");
    // The application says nothing to the path, and neither do we: the socket stays as the application left it.
    expect(await ask(`${ws}/other`, "still here")).toBe("own: still here");
    expect(lost.readyState).toBe(WebSocket.CONNECTING);
    lost.terminate();
    await failed;
  });

  it("goes without a trace when it is detached, and what stands is served on", async () => {
    const { detach, ws, http } = await start({ hasOwnEndpoint: true });
    const peer = new WebSocket(`${ws}/raw/echo`);
    await once(peer, "open");
    detach();
    peer.send("after");
    const [answer]: unknown[] = await once(peer, "message");
    expect(String(answer)).toBe("after");
    peer.terminate();
    expect(await ask(`${ws}/other`, "mine")).toBe("own: mine");
    expect(await (await fetch(`${http}/hello`)).text()).toBe("hello");
  });
});

it("ends every connection when it is closed, those that never said who they are included", async () => {
  const server = createServer();
  const carillon = makeCarillon();
  carillon.attach(server);
  const port = await listen(server);
  await carillon.ready();
  const ticket = await carillon.tickets.issue({ user: { id: "ada" } });
  const peers = {
    open: new WebSocket(`ws://127.0.0.1:${port}/realtime`, "carillon.1.json"),
    silent: new WebSocket(`ws://127.0.0.1:${port}/realtime`, "carillon.1.json"),
    raw: new WebSocket(`ws://127.0.0.1:${port}/raw/echo`),
  };
  await Promise.all(Object.values(peers).map((peer) => once(peer, "open")));
  const welcomed = once(peers.open, "message");
  peers.open.send(JSON.stringify({ cmd: "connect", id: 1, ticket }));
  await welcomed;
  const closes = Promise.all(
    Object.entries(peers).map(async ([name, peer]) => {
      const [code]: unknown[] = await once(peer, "close");
      return [name, code];
    }),
  );
  await carillon.close();
  expect(Object.fromEntries(await closes)).toEqual({ open: 4000, silent: 4000, raw: 1001 });
  await expect.poll(() => carillon.metrics.connections).toBe(0);
  await closeHttp(server);
});
