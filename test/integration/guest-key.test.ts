import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { needsPrograms } from "../support/needs.ts";
import { RedisServer } from "../support/redis-server.ts";
import { ServerProcess } from "../support/server-process.ts";
import { WireClient, type WireMessage } from "../support/wire-client.ts";

const CHANNEL = "secrets";
const KEY = "guest-key";
const FORGED = Buffer.alloc(32, 7).toString("base64url");

/** Every command that names a channel, as somebody would send it who wants to read the key, or to put another there. */
const ATTEMPTS: readonly (readonly [what: string, command: object])[] = [
  ["subscribes", { cmd: "subscribe", channel: CHANNEL }],
  ["subscribes with history", { cmd: "subscribe", channel: CHANNEL, history: 10 }],
  ["subscribes from a position", { cmd: "subscribe", channel: CHANNEL, position: "a.0.0" }],
  ["reads history", { cmd: "history", channel: CHANNEL, limit: 10 }],
  ["sets it", { cmd: "set", channel: CHANNEL, key: KEY, data: FORGED }],
  ["sets it under a condition", { cmd: "set", channel: CHANNEL, key: KEY, expect: 1, data: FORGED }],
  ["sets an entry of its own", { cmd: "set", channel: CHANNEL, data: FORGED }],
  ["removes it", { cmd: "remove", channel: CHANNEL, key: KEY }],
  ["publishes", { cmd: "publish", channel: CHANNEL, publication: "p1", data: FORGED }],
  ["amends", { cmd: "amend", channel: CHANNEL, publication: "p1", amendment: "a1", data: FORGED }],
  ["looks who is there", { cmd: "subscribe", channel: `@presence:${CHANNEL}` }],
  ["is there", { cmd: "set", channel: `@presence:${CHANNEL}`, data: { name: "Eve" } }],
];

/** The real command over Redis, where servers share the key that signs the cookies of guests. */
describe("the key of the guests' cookies, in the store that servers share,", () => {
  needsPrograms("redis-server");

  test("is refused to a guest by every command, and is in no message, no path and no line of the log", async () => {
    await using redis = await RedisServer.start();
    const server = await ServerProcess.start({ env: { CARILLON_DATA: "", CARILLON_REDIS: redis.url } });
    try {
      const key = /guest-key[^]{1,200}?"([\w-]{43})"/.exec(await written(redis))?.[1] ?? "";
      expect(key, "where a server keeps it").toMatch(/^[\w-]{43}$/);
      const eve = await WireClient.connect(`${server.url.replace("http", "ws")}/realtime`, await ticketOf(server));
      const heard: WireMessage[] = [];
      eve.on((message) => heard.push(message));
      const outcomes = await Promise.all(
        ATTEMPTS.map(
          async ([what, command]) => [what, await eve.command(command).then(() => "ok", messageOf)] as const,
        ),
      );
      expect(outcomes.filter(([, outcome]) => !REFUSALS.has(outcome))).toEqual([]);
      // The same commands do get at what guests may see.
      await eve.command({ cmd: "subscribe", channel: "rooms" });
      for (const path of ["/secrets", "/raw/secrets", "/realtime/secrets", "/guest.key"]) {
        expect((await fetch(`${server.url}${path}`)).status).toBe(404);
      }
      expect(heard.length).toBeGreaterThan(ATTEMPTS.length);
      expect(JSON.stringify(heard)).not.toContain(key);
      expect(server.output).not.toContain(key);
      expect(await written(redis), "what was tried has left nothing").not.toContain(FORGED);
      eve.ws.close();
    } finally {
      await server.kill();
    }
  });

  test("is not kept there if it was given to the servers", async () => {
    await using redis = await RedisServer.start();
    const env = { CARILLON_DATA: "", CARILLON_REDIS: redis.url, CARILLON_GUEST_KEY: FORGED };
    const server = await ServerProcess.start({ env });
    try {
      await ticketOf(server);
      const text = await written(redis);
      expect(text).toContain("rooms");
      expect(text).not.toContain(FORGED);
      expect(text).not.toContain(KEY);
      expect(server.output).not.toContain(FORGED);
    } finally {
      await server.kill();
    }
  });
});

/** No rule lets anybody in; or there is no such thing. */
const REFUSALS: ReadonlySet<string> = new Set(["forbidden", "unknown_channel", "wrong_kind"]);

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function ticketOf({ url }: ServerProcess): Promise<string> {
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "Eve" }),
  };
  return (await fetch(`${url}/ticket`, init)).text();
}

/** All that Redis was told to keep: its append-only file. */
async function written({ folder }: RedisServer): Promise<string> {
  const files = await readdir(join(folder, "appendonlydir"));
  const texts = files.map((file) => readFile(join(folder, "appendonlydir", file), "latin1"));
  return (await Promise.all(texts)).join("");
}
