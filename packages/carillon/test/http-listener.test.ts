import { SILENT_LOGGER, type Logger } from "@carillon/server";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HttpProblem, json } from "../src/answer.ts";
import { HttpListener } from "../src/http-listener.ts";
import { readJson } from "../src/request-body.ts";
import { Router } from "../src/router.ts";

describe("the HTTP server", () => {
  let listener: HttpListener;
  let port: number;
  const logged = vi.fn<Logger["error"]>();
  const sockets: Socket[] = [];

  beforeEach(async () => {
    logged.mockClear();
    const router = new Router([
      ["/", { GET: () => json(200, "home") }],
      ["/echo", { POST: async (request) => json(200, await readJson(request)) }],
      ["/broken", { GET: () => Promise.reject(new Error("secret detail")) }],
      ["/late", { GET: () => new Promise(() => {}) }],
    ]);
    const logger = { ...SILENT_LOGGER, error: logged };
    listener = new HttpListener({ handler: (request) => router.answer(request), logger });
    port = await listener.listen("127.0.0.1", 0);
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await listener.close(0);
  });

  function open(): Socket {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    sockets.push(socket);
    return socket;
  }

  /** Sends bytes as they are, and resolves to all that comes until the server closes. */
  async function exchange(bytes: string | Uint8Array, isEnded = false): Promise<string> {
    const socket = open();
    let answer = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
    });
    if (isEnded) socket.end(bytes);
    else socket.write(bytes);
    await once(socket, "close");
    return answer;
  }

  const post = (body: string | Uint8Array, headers = "Content-Type: application/json\r\n"): Uint8Array =>
    Buffer.concat([
      Buffer.from(`POST /echo HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`),
      Buffer.from(body),
    ]);

  test("answers with what keeps browsers strict", async () => {
    const { headers } = await fetch(`http://127.0.0.1:${port}/`);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; /);
    for (const part of ["script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
      expect(policy).toContain(part);
    expect(policy).not.toMatch(/unsafe|\*|data:|https?:/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("same-origin");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test("answers HEAD as GET, without the body", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("6");
    expect(await response.text()).toBe("");
  });

  test.each([
    ["DELETE", "/", "GET, HEAD"],
    ["OPTIONS", "/", "GET, HEAD"],
    ["POST", "/", "GET, HEAD"],
    ["GET", "/echo", "POST"],
    ["HEAD", "/echo", "POST"],
  ])("refuses %s %s and says what is allowed", async (method, path, allowed) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allowed);
  });

  test.each(["/nothing", "//", "/%", "/%2e%2e/", "/../etc/passwd", "/ECHO", "/echo/", "/__proto__", "http://x/", "*"])(
    "knows no path %s",
    async (path) => {
      expect(await exchange(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
    },
  );

  test("tells nobody but its log how it failed", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/broken`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(JSON.stringify(logged.mock.calls)).toContain("secret detail");
  });

  test.each([
    ["no body", post(""), 400],
    ["another type", post("{}", "Content-Type: text/plain\r\n"), 415],
    ["no type", post("{}", ""), 415],
    ["what is not JSON", post("{"), 400],
    ["what is not UTF-8", post(Uint8Array.of(0x22, 0xff, 0xfe, 0x22)), 400],
    ["a body that is too large", post(JSON.stringify("a".repeat(5_000))), 413],
    ["a body that is far too large", post("a".repeat(3_000_000)), 413],
    ["a length that is no number", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400],
    ["two lengths", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400],
    [
      "length and chunks",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["a chunk that is none", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400],
    ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["noise", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001", 400],
    ["a header without end", `GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}`, 431],
    ["a tunnel", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", 405],
  ])("answers %s with a refusal and closes", async (_, bytes, status) => {
    expect(await exchange(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    await vi.waitFor(() => expect(connectionsOf(listener)).resolves.toBe(0));
  });

  test("ends what a peer cuts in the middle of its body", async () => {
    const head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    expect(await exchange(head, true)).toMatch(/^(HTTP\/1\.1 400 |$)/);
    const socket = open();
    socket.write(head);
    await vi.waitFor(() => expect(connectionsOf(listener)).resolves.toBe(1));
    socket.resetAndDestroy();
    await vi.waitFor(() => expect(connectionsOf(listener)).resolves.toBe(0));
    expect(logged).not.toHaveBeenCalled();
  });

  test("takes a body that comes byte by byte, and serves the connection on", async () => {
    const socket = open();
    socket.setNoDelay(true);
    const answers: string[] = [];
    socket.setEncoding("utf8").on("data", (text: string) => void answers.push(text));
    for (const byte of [...post('{"a":1}'), ...post("[]")]) socket.write(Uint8Array.of(byte));
    await vi.waitFor(() => expect(answers.join("")).toMatch(/\{"a":1\}[^]*\[\]$/));
  });

  test("closes in time, whatever is still under way", async () => {
    const silent = open();
    const idle = open();
    idle.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const waiting = open();
    waiting.write("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    await vi.waitFor(() => expect(connectionsOf(listener)).resolves.toBe(3));
    const ends = Promise.all([silent, idle, waiting].map((socket) => once(socket.resume(), "close")));
    const startMs = performance.now();
    await listener.close(200);
    await ends;
    expect(performance.now() - startMs).toBeLessThan(2_000);
    await listener.close(200);
  });

  test("says which problem it had with listening", async () => {
    const second = new HttpListener({ handler: () => json(200, ""), logger: SILENT_LOGGER });
    await expect(second.listen("127.0.0.1", port)).rejects.toMatchObject({ code: "EADDRINUSE" });
    await second.close(0);
  });

  test("gives a problem's own headers", async () => {
    const problem = new HttpListener({
      handler: () => Promise.reject(new HttpProblem(429, "limit", "Wait.", { headers: { "Retry-After": "7" } })),
      logger: SILENT_LOGGER,
    });
    const response = await fetch(`http://127.0.0.1:${await problem.listen("127.0.0.1", 0)}/`);
    await problem.close(0);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
  });
});

function connectionsOf({ server }: HttpListener): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
