import { once } from "node:events";
import { createServer, request } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { SILENT_LOGGER } from "../../src/core/logger.ts";
import type { Connection, ConnectionEvents } from "../../src/session/connection.ts";
import { attachUpgrades } from "../../src/transport/attach.ts";
import { systemPorts } from "../../src/transport/clock.ts";
import { clientFrame, RawPeer, upgradeRequest } from "./raw-peer.ts";
import { TestServer } from "./test-server.ts";

describe("the remote address", () => {
  const forwarded = async (value: string | readonly string[], hops: number): Promise<string> => {
    await using server = await TestServer.start({ attach: { trustProxyHops: hops } });
    await RawPeer.upgraded(server.port, { headers: { "X-Forwarded-For": value } });
    return server.only.connection.remoteAddress;
  };

  it("is that of the socket unless proxies are trusted", async () => {
    expect(await forwarded("203.0.113.1", 0)).toBe("127.0.0.1");
  });

  it.each([
    ["203.0.113.1", 1, "203.0.113.1"],
    ["6.6.6.6, 203.0.113.1", 1, "203.0.113.1"],
    ["6.6.6.6, 203.0.113.1, 10.0.0.2", 2, "203.0.113.1"],
    ["203.0.113.1", 3, "203.0.113.1"],
    ["203.0.113.1:4711", 1, "203.0.113.1"],
    ["[2001:db8::1]:4711", 1, "2001:db8::1"],
    ["::ffff:203.0.113.1", 1, "203.0.113.1"],
    ["6.6.6.6, unknown", 1, "127.0.0.1"],
    ["", 1, "127.0.0.1"],
  ])("of X-Forwarded-For %j with %i proxies is %s", async (value, hops, address) => {
    expect(await forwarded(value, hops)).toBe(address);
  });

  it("is taken from the last of several headers", async () => {
    expect(await forwarded(["6.6.6.6", "203.0.113.1"], 1)).toBe("203.0.113.1");
  });
});

describe("attached to a server that others use as well", () => {
  it("leaves their paths untouched, with every byte", async () => {
    await using server = await TestServer.start();
    const theirs = vi.fn<(upgrade: string | undefined, head: string) => void>();
    server.http.on("upgrade", (incoming, socket, head) => {
      if (incoming.url !== "/theirs") return;
      theirs(incoming.headers.upgrade, head.toString());
      socket.end("HTTP/1.1 101 Theirs\r\n\r\n");
    });
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest({ line: "GET /theirs HTTP/1.1", headers: { Upgrade: "vite-hmr" } }), Buffer.from("head"));
    expect((await peer.response()).headers).toContain("101 Theirs");
    expect(theirs).toHaveBeenCalledWith("vite-hmr", "head");
    peer.socket.end();
    await RawPeer.upgraded(server.port);
  });

  it("shares it with another of its kind: each path is served, an unknown one refused once", async () => {
    await using server = await TestServer.start();
    const accept = vi.fn<(connection: Connection) => ConnectionEvents>((connection) => {
      connection.terminate();
      return SILENT;
    });
    const routes = new Map([["/raw", { ...ROUTE, protocols: null, accept }]]);
    attachUpgrades(server.http, { routes, ports: systemPorts(), logger: SILENT_LOGGER });
    await RawPeer.upgraded(server.port);
    const raw = await RawPeer.upgraded(server.port, { line: "GET /raw HTTP/1.1" });
    await raw.ended();
    expect(accept).toHaveBeenCalledTimes(1);
    const lost = await RawPeer.connect(server.port);
    lost.send(upgradeRequest({ line: "GET /lost HTTP/1.1" }));
    expect((await lost.response()).status).toBe(404);
    await lost.ended();
    expect(lost.received.length).toBe(0);
  });

  it("takes no ordinary request", async () => {
    await using server = await TestServer.start();
    const answer = request({ port: server.port, path: "/realtime" }).end();
    const [response] = (await once(answer, "response")) as [NodeJS.ReadableStream & { statusCode: number }];
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it("hears no upgrade after its removal, and leaves connections that stand alone", async () => {
    await using server = await TestServer.start();
    const peer = await RawPeer.upgraded(server.port);
    server.detach();
    expect(server.http.listenerCount("upgrade")).toBe(0);
    peer.send(clientFrame(0x1, "still here"));
    await vi.waitFor(() => expect(server.only.texts).toEqual(["still here"]));
    const late = await RawPeer.connect(server.port);
    late.send(upgradeRequest());
    expect((await late.response()).status).toBe(200);
    late.reset();
  });

  it("survives a peer that is gone before the handshake is answered", async () => {
    const http = createServer();
    let released = 0;
    const accept = vi.fn<() => ConnectionEvents>();
    const route = { ...ROUTE, release: () => void (released += 1), accept };
    attachUpgrades(http, { routes: new Map([["/realtime", route]]), ports: systemPorts(), logger: SILENT_LOGGER });
    http.prependListener("upgrade", (_incoming, socket) => socket.destroy());
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const peer = await RawPeer.connect((http.address() as { port: number }).port);
    peer.send(upgradeRequest());
    await peer.ended();
    expect([released, accept.mock.calls.length]).toEqual([1, 0]);
    http.close();
  });
});

const SILENT = { text: () => {}, binary: () => {}, drained: () => {}, closed: () => {} };
const ROUTE = {
  protocols: ["carillon.1.json"],
  limits: { messageBytes: 65_536, fragmentsPerMessage: 1_024, unauthenticatedBytes: 16_384, tooLargeCode: 1009 },
  allowsOrigin: () => true,
  isDraining: () => false,
  reserve: () => true,
  release: () => {},
};
