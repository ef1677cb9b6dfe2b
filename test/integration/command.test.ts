import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ServerProcess, type ServerProcessOptions } from "../support/server-process.ts";
import { WireClient } from "../support/wire-client.ts";

/** The real command, in a process of its own, as `npm run build` has built it. */
describe("the carillon command", () => {
  const running: ServerProcess[] = [];

  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.kill()));
  });

  async function start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = await ServerProcess.start(options);
    running.push(server);
    return server;
  }

  /** Somebody who is connected and pays no attention to being told to leave, so that draining takes its time. */
  async function stubborn(server: ServerProcess): Promise<WireClient> {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${server.url}/ticket`, { method: "POST", headers, body: '{"name":"Ada"}' });
    return WireClient.connect(`ws://127.0.0.1:${server.port}/realtime`, await response.text());
  }

  const health = async (server: ServerProcess): Promise<number> => (await fetch(`${server.url}/healthz`)).status;

  test("prints two clear lines, and serves the page and its health", async () => {
    const server = await start({ env: { CARILLON_DATA: ":memory:" } });
    expect(server.output).toBe(
      `Everything is kept in memory, and ends with the server\nCarillon is ready at ${server.url}\n`,
    );
    const page = await fetch(`${server.url}/`);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toMatch(/^<!doctype html>/i);
    const healthz = await fetch(`${server.url}/healthz`);
    expect([healthz.status, await healthz.text()]).toEqual([200, '{"status":"ok","store":"reachable"}']);
  });

  test.each([
    ["--help", 0, /^Carillon, a realtime server\.\n\nUsage:/],
    ["--version", 0, /^\d+\.\d+\.\d+\n$/],
    ["sing", 2, /^Unknown command "sing": expected start or serve\. See carillon --help\.\n$/],
    ["--loud", 2, /^Unknown option '--loud'\. See carillon --help\.\n$/],
  ])("answers %s and ends with %i", async (argument, code, output) => {
    expect(await ServerProcess.run({ args: [argument] })).toEqual({
      code,
      signal: null,
      output: expect.stringMatching(output),
    });
  });

  test("says in one sentence that the port is in use, and ends with 1", async () => {
    const { port } = await start();
    const output = `Port ${port} of 127.0.0.1 is in use: choose another with PORT or --port, or stop who has it.\n`;
    expect(await ServerProcess.run({ env: { PORT: String(port) } })).toEqual({ code: 1, signal: null, output });
  });

  test.each(["SIGTERM", "SIGINT"] as const)("ends at once with 0 on %s when nobody is there", async (signal) => {
    const server = await start();
    server.signal(signal);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
  });

  test("drains on SIGTERM: tells who is there to go, is not healthy any more, sends no page away, then ends with 0", async () => {
    const server = await start();
    const client = await stubborn(server);
    const drain = client.next(({ push }) => push === "drain");
    const closed = once(client.ws, "close");
    server.signal("SIGTERM");
    expect(await drain).toMatchObject({ push: "drain", delayMs: expect.any(Number) });
    expect(await health(server)).toBe(503);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    // Balancers need a moment to notice; until then the page and tickets, which are good everywhere, are served.
    expect((await fetch(`${server.url}/`)).status).toBe(200);
    expect(await upgradeStatus(server.port)).toBe(503);
    const [code] = await closed;
    expect(code).toBe(4000);
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test("takes a Ctrl-C that comes twice at once, as through npm, for one", async () => {
    const server = await start();
    const client = await stubborn(server);
    const closed = once(client.ws, "close");
    const drain = client.next(({ push }) => push === "drain");
    server.signal("SIGINT");
    await drain;
    server.signal("SIGINT");
    // Forced, the connection would just break (1006).
    const [code] = await closed;
    expect(code).toBe(4000);
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test("ends without further ado when Ctrl-C comes again later", async () => {
    const server = await start();
    const client = await stubborn(server);
    const closed = once(client.ws, "close");
    const drain = client.next(({ push }) => push === "drain");
    server.signal("SIGINT");
    await drain;
    // A person who has waited for more than a second; what is waited for is just that time.
    await new Promise((resolve) => void setTimeout(resolve, 1_100));
    expect(await health(server)).toBe(503);
    server.signal("SIGINT");
    expect(await server.exited).toEqual({ code: 130, signal: null });
    expect((await closed)[0]).toBe(1006);
  });

  test("ends although somebody neither answers nor closes", async () => {
    const server = await start();
    const silent = connect(server.port, "127.0.0.1");
    silent.on("error", () => {});
    await once(silent, "connect");
    const halfway = connect(server.port, "127.0.0.1");
    halfway.on("error", () => {});
    halfway.write("GET / HTTP/1.1\r\nHost: x\r\n");
    await once(halfway, "connect");
    expect(await health(server)).toBe(200);
    const startMs = performance.now();
    server.signal("SIGTERM");
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - startMs).toBeLessThan(4_000);
    silent.destroy();
    halfway.destroy();
  });

  test("cuts who is slow with a request, and nobody else", async () => {
    const server = await start();
    const client = await stubborn(server);
    client.on(({ push }) => void (push === "heartbeat" && client.ws.send('{"cmd":"pong"}')));
    const post = "POST /ticket HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    const peers = await Promise.all([
      lifetimeMs(server.port, ""),
      lifetimeMs(server.port, "GET / HTTP/1.1\r\nHost: x\r\n", "X: y\r\n"),
      lifetimeMs(server.port, post, " "),
    ]);
    console.log(`Slow peers were cut after ${peers.map((ms) => (ms / 1000).toFixed(1)).join(", ")} s.`);
    for (const ms of peers) {
      expect(ms).toBeGreaterThan(4_000);
      expect(ms).toBeLessThan(17_000);
    }
    expect(await client.command({ cmd: "ping" })).toEqual({});
    expect(await health(server)).toBe(200);
  }, 30_000);
});

/** The status of the answer to an upgrade to carillon.1. */
async function upgradeStatus(port: number): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  const key =
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: carillon.1.json\r\n";
  socket.write(`GET /realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`);
  const [answer] = await once(socket.setEncoding("latin1"), "data");
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d+) /.exec(String(answer))?.[1]);
}

/** For how long a peer is kept that sends a beginning, and then a little each second. */
async function lifetimeMs(port: number, beginning: string, drip = ""): Promise<number> {
  const startMs = performance.now();
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  if (beginning !== "") socket.write(beginning);
  const dripping = setInterval(() => {
    if (drip !== "" && socket.writable) socket.write(drip);
  }, 1_000);
  await once(socket, "close");
  clearInterval(dripping);
  return performance.now() - startMs;
}
