import { SILENT_LOGGER, type Logger } from "@carillon/server";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { StartError } from "../src/start-error.ts";
import { startServer, type RunningServer, type StartOptions } from "../src/start-server.ts";

describe("a bare server", () => {
  const running: RunningServer[] = [];

  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()));
  });

  async function start(options: Partial<StartOptions> = {}): Promise<RunningServer> {
    const server = await startServer({ serve: { openEcho: false, openRaw: [] }, ...options });
    running.push(server);
    return server;
  }

  test("says that it is ready, and that it is not any more", async () => {
    const server = await start();
    const health = await fetch(`${server.url}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { status: "ok", store: "reachable" }]);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    await server.close();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow("fetch failed");
  });

  test("has no page, no tickets and nothing that is open to anybody", async () => {
    const server = await start();
    expect(server.openPaths).toEqual([]);
    expect((await fetch(`${server.url}/`)).status).toBe(404);
    expect((await fetch(`${server.url}/ticket`, { method: "POST" })).status).toBe(404);
    for (const path of ["/raw/echo", "/raw/bench:all", "/healthz", "/"]) {
      expect(await upgrade(server.port, path)).toMatch(/^HTTP\/1\.1 404 /);
    }
  });

  test("shows an address that can be opened", async () => {
    expect((await start({ host: "0.0.0.0" })).url).toMatch(/^http:\/\/localhost:\d+$/);
    expect((await start({ host: "127.0.0.1" })).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  test("can be closed twice, and closes once", async () => {
    const server = await start();
    expect(server.close()).toBe(server.close());
    await server.close();
  });

  test("does not keep a port that it did not start on", async () => {
    const { port, close } = await start();
    await close();
    const failed = startServer({ port, serve: { openEcho: false, openRaw: ["no good"] } });
    await expect(failed).rejects.toThrow(StartError);
    await expect(failed).rejects.toThrow(/--open-raw: expected the name of a channel/);
    expect((await start({ port })).port).toBe(port);
  });

  test("has its data folder to itself until it is closed, and says so in a sentence to whoever else wants it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "carillon-start-"));
    const store = { kind: "folder", folder } as const;
    const error = vi.fn<Logger["error"]>();
    const logger = { ...SILENT_LOGGER, error };
    const first = await start({ store });
    const refused = start({ store, logger });
    await expect(refused).rejects.toThrow(StartError);
    await expect(refused).rejects.toThrow(/^The folder is in use by process \d+ \(this one\)\./);
    expect(error, "the error is told once, by who prints it").not.toHaveBeenCalled();
    await first.close();
    await (await start({ store })).close();
    await rm(folder, { recursive: true });
  });

  test.each([
    ["a name that is built in", { openEcho: false, openRaw: ["@presence:a"] }, /expected the name of a channel/],
    ["two doors on one path", { openEcho: true, openRaw: ["echo"] }, /\/raw\/echo is taken by --open-echo/],
  ])("does not start with %s", async (_, serve, message) => {
    await expect(startServer({ serve })).rejects.toThrow(message);
  });

  test("says in a sentence why it can't listen", async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is in use: choose another with PORT`);
    await expect(start({ host: "192.0.2.1" })).rejects.toThrow("This machine has no address 192.0.2.1");
    await expect(start({ port })).rejects.toThrow(StartError);
  });

  test("answers an upgrade on a path of HTTP, or without a known protocol, and goes on", async () => {
    const server = await start({ serve: { openEcho: true, openRaw: [] } });
    expect(await upgrade(server.port, "/healthz")).toMatch(/^HTTP\/1\.1 404 /);
    expect(await upgrade(server.port, "/realtime")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await upgrade(server.port, "/raw/echo")).toMatch(/^HTTP\/1\.1 101 /);
    await vi.waitFor(async () => expect((await fetch(`${server.url}/healthz`)).status).toBe(200));
  });
});

/** The first bytes of the answer to an upgrade. */
function upgrade(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", reject);
    socket.setEncoding("latin1").once("data", (text: string) => {
      socket.destroy();
      resolve(text);
    });
    const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n";
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`);
  });
}
