import { createServer, type Server } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { NatsServer } from "../support/nats-server.ts";
import { needsPrograms } from "../support/needs.ts";
import { freePort } from "../support/free-port.ts";
import { RedisServer } from "../support/redis-server.ts";
import { ServerProcess } from "../support/server-process.ts";

/** In no line that is printed. */
const PASSWORD = "s3cret-that-nobody-sees";

/** The real command, and a broker that is not there, is another, or does not let it in. It waits for each for a while. */
describe.concurrent("the carillon command says in one sentence", () => {
  needsPrograms("redis-server", "nats-server");
  const servers: Server[] = [];

  afterAll(() => {
    for (const server of servers) server.close();
  });

  async function start(option: "redis" | "nats", url: string): Promise<string> {
    const { code, output } = await ServerProcess.run({ args: ["start", `--${option}`, url] });
    expect(code).toBe(1);
    expect(output).not.toContain(PASSWORD);
    // What is printed last is what is read.
    return output.trimEnd().split("\n").at(-1) ?? "";
  }

  /** The port of a server that says something else than a broker does. */
  async function stranger(greeting: string): Promise<number> {
    const port = await freePort();
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(greeting);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return port;
  }

  test("that Redis does not let it in", async () => {
    await using redis = await RedisServer.start();
    await redis.command("CONFIG", "SET", "requirepass", PASSWORD);
    const where = `127.0.0.1:${redis.port}`;
    expect(await start("redis", redis.url)).toBe(
      `Redis at ${where} wants a password and got none: expected a URL like redis://user:password@${where}.`,
    );
    expect(await start("redis", `redis://:${PASSWORD}x@${where}`)).toMatch(
      new RegExp(`^Redis at ${where} lets nobody in by this user and password: WRONGPASS `),
    );
  });

  test("that NATS does not let it in", async () => {
    await using nats = await NatsServer.start(undefined, ["--user", "carillon", "--pass", PASSWORD]);
    expect(await start("nats", `nats://${nats.address}`)).toBe(
      `NATS at ${nats.address} wants credentials and got none: expected a URL like nats://user:password@host:4222.`,
    );
    for (const credentials of [`carillon:${PASSWORD}x`, `${PASSWORD}x`]) {
      expect(await start("nats", `nats://${credentials}@${nats.address}`)).toMatch(
        new RegExp(`^NATS at ${nats.address} lets nobody in by this user and password: Authorization Violation`),
      );
    }
  });

  test("that nobody is there, or somebody else", async () => {
    const port = await freePort();
    expect(await start("redis", `redis://:${PASSWORD}@127.0.0.1:${port}`)).toBe(
      `Redis at 127.0.0.1:${port} does not serve: connect ECONNREFUSED 127.0.0.1:${port}. ` +
        "Start it, or name another with CARILLON_REDIS or --redis.",
    );
    const other = await stranger("INFO {}\r\n");
    expect(await start("redis", `redis://127.0.0.1:${other}`)).toBe(
      `Redis at 127.0.0.1:${other} does not serve: what answers there is no Redis. ` +
        "Start it, or name another with CARILLON_REDIS or --redis.",
    );
  });

  test("that no NATS is there", async () => {
    const port = await freePort();
    const { code, output } = await ServerProcess.run({
      args: ["start", "--nats", `nats://carillon:${PASSWORD}@127.0.0.1:${port}`],
    });
    expect(code).toBe(1);
    expect(output).not.toContain(PASSWORD);
    expect(output).toMatch(
      new RegExp(
        `\nNATS can't be reached at 127\\.0\\.0\\.1:${port}: connection refused\\. ` +
          "Start it, or name another with CARILLON_NATS or --nats\\.\n$",
      ),
    );
  });
});
