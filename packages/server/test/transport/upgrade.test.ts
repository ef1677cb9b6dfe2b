import { describe, expect, it, vi } from "vitest";
import { RawPeer, upgradeRequest, type UpgradeOptions } from "./raw-peer.ts";
import { TestServer, type TestServerOptions } from "./test-server.ts";

/** Sends bytes to a server of its own, and returns what it answered; fails unless the socket is closed afterwards. */
async function answerTo(
  bytes: Uint8Array,
  options: TestServerOptions = {},
): Promise<{ status: number; text: string; headers: string }> {
  await using server = await TestServer.start(options);
  const peer = await RawPeer.connect(server.port);
  peer.send(bytes);
  const response = await peer.response();
  if (response.status !== 101) {
    await peer.ended();
    expect(server.served).toHaveLength(0);
    expect(server.reserved).toBe(0);
  }
  peer.reset();
  return response;
}

describe("an upgrade", () => {
  it("that is in order gets the accept key of RFC 6455 and the subprotocol", async () => {
    const { status, headers } = await answerTo(upgradeRequest());
    expect(status).toBe(101);
    expect(headers).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    expect(headers).toContain("Sec-WebSocket-Protocol: carillon.1.json");
    expect(headers.toLowerCase()).not.toContain("extensions");
  });

  it("chooses the subprotocol that it serves among others", async () => {
    const offer = { "Sec-WebSocket-Protocol": "graphql-ws,carillon.9.json ,  carillon.1.json" };
    const { status, headers } = await answerTo(upgradeRequest({ headers: offer }));
    expect([status, headers]).toEqual([101, expect.stringContaining("Sec-WebSocket-Protocol: carillon.1.json\r\n")]);
  });

  it("hands over path, query, origin and address", async () => {
    await using server = await TestServer.start();
    const line = "GET /realtime?name=Ada%20L&x HTTP/1.1";
    await RawPeer.upgraded(server.port, { line, headers: { Origin: "http://localhost:3000" } });
    expect(server.only.info).toEqual({ path: "/realtime", query: "name=Ada%20L&x" });
    expect(server.only.connection).toMatchObject({ origin: "http://localhost:3000", remoteAddress: "127.0.0.1" });
    expect(server.only.connection.id).toMatch(/^[\w-]{22}$/);
  });

  const refused: readonly (readonly [string, number, UpgradeOptions])[] = [
    ["over HTTP/1.0", 400, { line: "GET /realtime HTTP/1.0" }],
    ["with version 8", 426, { headers: { "Sec-WebSocket-Version": "8" } }],
    ["with version 99", 426, { headers: { "Sec-WebSocket-Version": "99" } }],
    ["with a version that only begins as 13", 426, { headers: { "Sec-WebSocket-Version": "13.0" } }],
    ["without a version", 426, { headers: { "Sec-WebSocket-Version": null } }],
    ["with two versions", 400, { headers: { "Sec-WebSocket-Version": ["13", "13"] } }],
    ["without a key", 400, { headers: { "Sec-WebSocket-Key": null } }],
    ["with a short key", 400, { headers: { "Sec-WebSocket-Key": "c2hvcnQ=" } }],
    [
      "with two keys",
      400,
      { headers: { "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="] } },
    ],
    ["with POST", 405, { line: "POST /realtime HTTP/1.1" }],
    ["to h2c", 400, { headers: { Upgrade: "h2c" } }],
    ["to two protocols", 400, { headers: { Upgrade: "websocket, h2c" } }],
    ["with a body of a length", 400, { headers: { "Content-Length": "5" } }],
    ["with a chunked body", 400, { headers: { "Transfer-Encoding": "chunked" } }],
    ["without a host", 400, { headers: { Host: null } }],
    ["with two hosts", 400, { headers: { Host: ["127.0.0.1", "127.0.0.1"] } }],
    ["with a broken IPv6 host", 400, { headers: { Host: "[::1" } }],
    ["with bytes beyond ASCII in its host", 400, { headers: { Host: "caf\u00e9" } }],
    ["from a foreign origin", 403, { headers: { Origin: "https://evil.example" } }],
    ["from the opaque origin", 403, { headers: { Origin: "null" } }],
    ["from an empty origin", 403, { headers: { Origin: "" } }],
    ["from two origins", 400, { headers: { Origin: ["http://localhost:3000", "https://evil.example"] } }],
    ["from an origin with bytes beyond ASCII", 403, { headers: { Origin: "http://localhost:3000\u00e9" } }],
    ["without a subprotocol", 400, { headers: { "Sec-WebSocket-Protocol": null } }],
    ["with another subprotocol", 400, { headers: { "Sec-WebSocket-Protocol": "carillon.1.jso" } }],
    ["with an empty subprotocol", 400, { headers: { "Sec-WebSocket-Protocol": "" } }],
    ["with a subprotocol twice", 400, { headers: { "Sec-WebSocket-Protocol": "carillon.1.json, carillon.1.json" } }],
    ["with a hole in its subprotocols", 400, { headers: { "Sec-WebSocket-Protocol": "carillon.1.json,,x" } }],
    [
      "with bytes beyond ASCII in its subprotocols",
      400,
      { headers: { "Sec-WebSocket-Protocol": "carillon.1.json, \u00e9" } },
    ],
    ["on an unknown path", 404, { line: "GET /other HTTP/1.1" }],
    ["on the root", 404, { line: "GET / HTTP/1.1" }],
    ["on an ordinary route", 404, { line: "GET /healthz HTTP/1.1" }],
    ["on the path with a slash behind", 404, { line: "GET /realtime/ HTTP/1.1" }],
    ["on the path with two slashes before", 404, { line: "GET //realtime HTTP/1.1" }],
    ["on the path in upper case", 404, { line: "GET /REALTIME HTTP/1.1" }],
    ["on the path encoded", 404, { line: "GET /%72ealtime HTTP/1.1" }],
    ["on the path with dots", 404, { line: "GET /x/../realtime HTTP/1.1" }],
    ["on two slashes", 404, { line: "GET // HTTP/1.1" }],
    ["on a broken escape", 404, { line: "GET /% HTTP/1.1" }],
    ["on an absolute address", 404, { line: "GET http://127.0.0.1/realtime HTTP/1.1" }],
    ["on a name of Object.prototype", 404, { line: "GET /__proto__ HTTP/1.1" }],
    ["on an asterisk", 404, { line: "GET * HTTP/1.1" }],
    ["on no path", 400, { line: "GET  HTTP/1.1" }],
    ["on a path of 40 KB", 431, { line: `GET /${"x".repeat(40_000)} HTTP/1.1` }],
  ];

  it.each(refused)("%s is refused with %i, and the socket closed", async (_what, status, options) => {
    const answer = await answerTo(upgradeRequest(options));
    expect(answer.status).toBe(status);
  });

  it("that is refused is told why, in JSON", async () => {
    const { text, headers } = await answerTo(upgradeRequest({ headers: { "Sec-WebSocket-Protocol": "x" } }));
    expect(headers).toContain("Content-Type: application/json");
    expect(JSON.parse(text)).toEqual({
      error: { code: "bad_request", message: expect.stringContaining("carillon.1.json") },
    });
  });

  it("of another version is told the version that is served", async () => {
    const { headers } = await answerTo(upgradeRequest({ headers: { "Sec-WebSocket-Version": "8" } }));
    expect(headers).toContain("Sec-WebSocket-Version: 13\r\n");
  });

  it.each([
    ["a list of tokens in Connection", { Connection: "keep-alive, UPGRADE" }],
    ["Upgrade in another case", { Upgrade: "WebSocket" }],
    ["a length of 0", { "Content-Length": "0" }],
    ["an allowed origin", { Origin: "http://localhost:3000" }],
    ["a host of IPv6 with a port", { Host: "[::1]:3000" }],
    [
      "extensions named as those of Object.prototype",
      { "Sec-WebSocket-Extensions": "constructor, __proto__; hasOwnProperty" },
    ],
    [
      "extensions with odd parameters",
      { "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99, permessage-deflate" },
    ],
    ["extensions that escape for ever", { "Sec-WebSocket-Extensions": `a; b="${"\\c".repeat(3_000)}` }],
  ])("with %s is accepted", async (_what, headers) => {
    const answer = await answerTo(upgradeRequest({ headers }));
    expect(answer.status).toBe(101);
  });

  it("whose Upgrade comes behind more headers than Node keeps is answered", async () => {
    const many = Array.from({ length: 2_100 }, (_, index) => `h${index}`);
    const bytes = Buffer.from(
      `GET /realtime HTTP/1.1\r\n${many.map((name) => `${name}: x\r\n`).join("")}` +
        upgradeRequest()
          .toString("latin1")
          .replace(/^.*\r\n/, ""),
    );
    const { status } = await answerTo(bytes, { http: { maxHeaderSize: 1_000_000 } });
    expect(status).toBe(400);
  });

  it.each([8_000, 64_000, 512_000])("with %i spaces in its subprotocols is judged in linear time", async (count) => {
    const headers = { "Sec-WebSocket-Protocol": `carillon.1.json,b${" ".repeat(count)}x` };
    await using server = await TestServer.start({ http: { maxHeaderSize: 1_000_000 } });
    const judged = new Promise<number>((resolve) => {
      // The attached listener runs first; what lies between the two is its time.
      let startMs = 0;
      server.http.prependListener("upgrade", () => (startMs = performance.now()));
      server.http.on("upgrade", () => resolve(performance.now() - startMs));
    });
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest({ headers }));
    expect(await judged).toBeLessThan(50);
    peer.reset();
  });

  it("that smuggles a second request in a body is answered once", async () => {
    await using server = await TestServer.start();
    const peer = await RawPeer.connect(server.port);
    const smuggled = "GET /secret HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    const headers = { "Content-Length": String(smuggled.length) };
    const seen = vi.fn<() => void>();
    server.http.on("request", seen);
    peer.send(upgradeRequest({ headers }), Buffer.from(smuggled));
    expect((await peer.response()).status).toBe(400);
    await peer.ended();
    expect(peer.received.length).toBe(0);
    expect(seen).not.toHaveBeenCalled();
  });

  it("that is refused gets its whole answer although it goes on sending", async () => {
    await using server = await TestServer.start();
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest({ line: "GET /other HTTP/1.1" }), Buffer.alloc(200_000));
    expect((await peer.response()).status).toBe(404);
    await peer.ended();
  });

  it("that is refused is cut after a moment if its peer never closes", async () => {
    await using server = await TestServer.start();
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest({ line: "GET /other HTTP/1.1" }));
    await peer.ended();
    await vi.waitFor(
      async () => {
        const count = await new Promise<number>((resolve) =>
          server.http.getConnections((_error, open) => resolve(open)),
        );
        expect(count).toBe(0);
      },
      { timeout: 5_000 },
    );
  });

  it("is refused with Retry-After when there is no room, and accepted again when there is", async () => {
    let room = 1;
    const reserve = (): boolean => {
      if (room === 0) return false;
      room -= 1;
      return true;
    };
    const release = (): void => {
      room += 1;
    };
    await using server = await TestServer.start({ route: { reserve, release } });
    const first = await RawPeer.upgraded(server.port);
    const second = await RawPeer.connect(server.port);
    second.send(upgradeRequest());
    const { status, headers } = await second.response();
    expect([status, headers]).toEqual([503, expect.stringMatching(/Retry-After: \d+/)]);
    expect(server.only.closes).toEqual([]);
    first.reset();
    await vi.waitFor(() => expect(room).toBe(1));
    await RawPeer.upgraded(server.port);
  });

  it("is refused with Retry-After while the node is leaving", async () => {
    const { status, headers } = await answerTo(upgradeRequest(), { route: { isDraining: () => true } });
    expect([status, headers]).toEqual([503, expect.stringMatching(/Retry-After: \d+/)]);
  });

  it("on a route without subprotocols is accepted with none, and with the first that is offered", async () => {
    const route = { protocols: null };
    const none = await answerTo(upgradeRequest({ headers: { "Sec-WebSocket-Protocol": null } }), { route });
    expect([none.status, none.headers.toLowerCase()]).toEqual([101, expect.not.stringContaining("protocol:")]);
    const some = await answerTo(upgradeRequest({ headers: { "Sec-WebSocket-Protocol": "chat, superchat" } }), {
      route,
    });
    expect(some.headers).toContain("Sec-WebSocket-Protocol: chat\r\n");
  });
});
