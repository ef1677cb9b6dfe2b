import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { connect, type Client } from "@carillon/client";
import type { ChatContract } from "carillon/chat-contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { newDataFolder, ServerProcess, type ServerProcessOptions } from "../support/server-process.ts";

/** A guest as its browser sees it: with a cookie jar, and a client for each visit. */
class Guest {
  readonly #name: string;
  #cookie = "";
  #client: Client<ChatContract> | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  /** Comes to a server, as a page does that was just loaded. */
  async visit(url: string): Promise<Client<ChatContract>> {
    this.leave();
    const client = connect<ChatContract>({ url: `${url}/realtime`, WebSocket, ticket: () => this.#ticket(url) });
    this.#client = client;
    await client.channel("chat:lobby").subscribe({ history: 50 });
    return client;
  }

  leave(): void {
    this.#client?.disconnect();
  }

  async #ticket(url: string): Promise<string> {
    const headers = { "Content-Type": "application/json", Cookie: this.#cookie };
    const body = JSON.stringify({ name: this.#name });
    const answer = await fetch(`${url}/ticket`, { method: "POST", headers, body });
    this.#cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
    return answer.text();
  }
}

/** The real command and the folder in which it keeps what must last. */
describe("the data folder of the carillon command", () => {
  const running: ServerProcess[] = [];
  const guests: Guest[] = [];
  let data: string;

  beforeEach(() => {
    data = newDataFolder();
  });

  afterEach(async () => {
    for (const one of guests.splice(0)) one.leave();
    await Promise.all(running.splice(0).map((server) => server.kill()));
    rmSync(data, { recursive: true, force: true });
  });

  async function start(env: ServerProcessOptions["env"] = {}): Promise<ServerProcess> {
    const server = await ServerProcess.start({ env: { CARILLON_DATA: data, ...env } });
    running.push(server);
    return server;
  }

  function guest(name: string): Guest {
    const one = new Guest(name);
    guests.push(one);
    return one;
  }

  /** What the command prints and how it ends when it can't start. */
  function refusal(env: ServerProcessOptions["env"] = {}): Promise<unknown> {
    return ServerProcess.run({ env: { CARILLON_DATA: data, ...env } });
  }

  const texts = async (client: Client<ChatContract>): Promise<string[]> => {
    const { items } = await client.channel("chat:lobby").history();
    return items.map((item) => (item.erased ? "erased" : item.data.text));
  };

  test.each([
    ["SIGKILL", null],
    ["SIGTERM", 0],
  ] as const)("keeps guests, messages, reactions and rooms over %s and a new start", async (signal, code) => {
    const first = await start();
    expect(first.output).toBe(`Everything is kept in ${data}\nCarillon is ready at ${first.url}\n`);
    const ada = guest("Ada");
    const before = await ada.visit(first.url);
    const { id } = await before.channel("chat:lobby").publish({ name: "Ada", text: "The tower is open." });
    await before.call("message.react", { room: "lobby", message: id, emoji: "🔔", isGiven: true, name: "Ada" });
    await before.call("room.create", { title: "Garden club" });
    const inAttic = before.channel("chat:attic");
    await inAttic.subscribe();
    await inAttic.presence.enter({ name: "Ada" });
    const user = before.user;
    await expect.poll(async () => [...(await roomsOf(before)).keys()]).toContain("attic");
    ada.leave();
    first.signal(signal);
    expect((await first.exited).code).toBe(code);

    const second = await start({ PORT: String(first.port) });
    const after = await ada.visit(second.url);
    expect(after.user).toBe(user);
    expect(await texts(after)).toEqual(["The tower is open."]);
    const reactions = after.channel("reactions:lobby");
    await reactions.subscribe();
    await expect
      .poll(() => reactions.entries.get(id)?.value)
      .toEqual([{ emoji: "🔔", people: [{ user, name: "Ada" }] }]);
    await expect(after.call("room.create", { title: "Garden club" })).rejects.toMatchObject({ code: "room.taken" });
    expect((await roomsOf(after)).get("garden-club")).toBe("Garden club");
    // Nobody is in it any more, and nobody gave it a title.
    await expect.poll(async () => [...(await roomsOf(after)).keys()].sort()).toEqual(["garden-club", "lobby"]);
    expect(await after.call("server.about", null)).toEqual({ isDurable: true });
  });

  test("holds a key that nobody else may read and that is never printed", async () => {
    const server = await start();
    await guest("Ada").visit(server.url);
    const file = join(data, "guest.key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await server.kill();
    expect(server.output).not.toContain(readFileSync(file, "utf8").trim());
  });

  test("is let go of before the command ends, so that the next start has it at once", async () => {
    const first = await start();
    first.signal("SIGTERM");
    await first.exited;
    const second = await start({ PORT: String(first.port) });
    expect((await fetch(`${second.url}/healthz`)).status).toBe(200);
  });

  test("is one server's: another says so in a sentence and ends with 1, and the first goes on", async () => {
    const server = await start();
    expect(await refusal()).toEqual({
      code: 1,
      signal: null,
      output: `The folder is in use by process ${server.child.pid}. A folder belongs to one server: stop the other one, or give this one a folder of its own.\n`,
    });
    expect(await texts(await guest("Ada").visit(server.url))).toEqual([]);
  });

  test.each<[string, () => void, RegExp]>([
    [
      "is a file",
      () => (rmSync(data, { recursive: true }), writeFileSync(data, "")),
      /^The folder .* can't be used: [^\n]*\n$/,
    ],
    [
      "holds other things",
      () => writeFileSync(join(data, "thesis.txt"), ""),
      /^The folder .* holds other things, such as thesis\.txt; expected [^\n]*\n$/,
    ],
  ])("that %s is refused in a sentence, with 1", async (_, prepare, output) => {
    prepare();
    expect(await refusal()).toEqual({ code: 1, signal: null, output: expect.stringMatching(output) });
  });

  test.each<[string, () => void, RegExp]>([
    [
      "was cut short",
      () => truncateSync(join(data, "data.mdb"), 8_192),
      /^The store is damaged: .* restore the folder from a backup\.\n$/,
    ],
    [
      "lacks its data",
      () => rmSync(join(data, "data.mdb")),
      /^The store is damaged: .*data\.mdb is missing, [^\n]*\n$/,
    ],
    [
      "was written by a later version",
      () => writeFileSync(join(data, "carillon.json"), '{"store":"carillon","format":99}'),
      /^The store has format 99, written by a later version [^\n]*\n$/,
    ],
    [
      "holds half a key",
      () => (chmodSync(join(data, "guest.key"), 0o600), writeFileSync(join(data, "guest.key"), "AAAA")),
      /^\S*guest\.key is damaged: expected 32 bytes [^\n]*\n$/,
    ],
  ])("that %s is refused in a sentence, with 1, and nothing in it is changed", async (_, harm, output) => {
    const server = await start();
    const client = await guest("Ada").visit(server.url);
    for (let index = 0; index < 50; index += 1) {
      await client.channel("chat:lobby").publish({ name: "Ada", text: `${index} ${"x".repeat(500)}` });
    }
    server.signal("SIGTERM");
    await server.exited;
    harm();
    const files = readdirSync(data).sort();
    expect(await refusal()).toEqual({ code: 1, signal: null, output: expect.stringMatching(output) });
    expect(readdirSync(data).sort()).toEqual(files);
  });

  test("that can't be made is refused in a sentence, with 1", async () => {
    const file = join(data, "file");
    writeFileSync(file, "");
    expect(await refusal({ CARILLON_DATA: join(file, "data") })).toEqual({
      code: 1,
      signal: null,
      output: expect.stringMatching(
        /^The folder \S+ can't be made \([^\n]*\): choose another with CARILLON_DATA or --data\.\n$/,
      ),
    });
  });

  test("is not made where the port is taken, or nothing is to be kept", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    const missing = join(data, "missing");
    expect(await refusal({ PORT: port, CARILLON_DATA: missing })).toMatchObject({ code: 1 });
    other.close();
    const server = await start({ CARILLON_DATA: ":memory:" });
    expect(server.output).toMatch(/^Everything is kept in memory, and ends with the server\n/);
    const client = await guest("Ada").visit(server.url);
    expect(await client.call("server.about", null)).toEqual({ isDurable: false });
    expect(existsSync(missing)).toBe(false);
    expect(existsSync(":memory:")).toBe(false);
  });
});

/** Titles of the rooms in the directory. */
async function roomsOf(client: Client<ChatContract>): Promise<Map<string, string>> {
  const rooms = client.channel("rooms");
  await rooms.subscribe();
  return new Map([...rooms.entries].map(([room, { value }]) => [room, value.title]));
}
