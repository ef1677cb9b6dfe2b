import { defineContract, log, type Position } from "@carillon/protocol";
import { createCarillon } from "@carillon/server";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Program } from "../../test/support/program.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { serve } from "../../test/support/serve.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import { message } from "../wschat/contract.mjs";

const clientFile = new URL("client.js", import.meta.url);
const CHANNEL = "wschat:main";
/** Short, so that a client that doesn't answer is closed within a test. */
const HEARTBEAT_MS = 500;
const CUTS = 12;
/** Reconnecting may take some attempts, in milliseconds. */
const BACK_MS = 20_000;

/** A server of the chat that counts the tickets, a proxy before it, and the client behind the proxy. */
async function start({ historySize = 50_000 } = {}) {
  const contract = defineContract({ channels: { [CHANNEL]: log({ data: message, history: { size: historySize } }) } });
  const carillon = createCarillon({
    contract,
    user: v.object({ id: v.string() }),
    authorize: { [CHANNEL]: () => ({ subscribe: true, publish: true }) },
    limits: { heartbeatMs: HEARTBEAT_MS },
  });
  let tickets = 0;
  const http = createServer((request, response) => {
    if (request.url === "/ticket" && request.method === "POST") tickets += 1;
    void carillon.tickets.issue({ user: { id: "bare" } }).then((ticket) => response.end(ticket));
  });
  const server = await serve(carillon, http);
  const proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
  const client = new Program({ file: clientFile, args: [`http://127.0.0.1:${proxy.port}`] });
  /** What was published, in the form in which the client prints it. */
  const published = async (before: Position | null = null): Promise<string[]> => {
    const { publications, prev, more } = await carillon.history(CHANNEL, { before });
    const lines = publications.map(({ data }) => `${data?.name}: ${data?.msg}`);
    return more ? [...(await published(prev)), ...lines] : lines;
  };
  const count = (pattern: RegExp) => client.stderr.match(pattern)?.length ?? 0;
  return {
    proxy,
    client,
    tickets: () => tickets,
    connects: () => count(/^connected as /gm),
    closes: () => count(/^closed: /gm),
    instances: () => new Set(client.stderr.match(/^connected as .*/gm)).size,
    publish: (...texts: readonly string[]) =>
      Promise.all(texts.map((msg) => carillon.publish(CHANNEL, { name: "Server", msg }))),
    published,
    printed: () => client.stdout.trimEnd().split("\n"),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await proxy.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

type Stage = Awaited<ReturnType<typeof start>>;

/** The client is in the chat: it has said something and heard it. */
async function enter({ client }: Stage): Promise<void> {
  await client.until(/connected as \S+\n/);
  client.write("I am here");
  await client.until(/^Bare: I am here\n/);
}

/** Resets the client's connection at some moment, on some occasions for as long as `published` takes to grow. */
async function cut({ proxy, connects, closes }: Stage, random: SeededRandom, published: () => number): Promise<number> {
  const [isAway, isEarly] = [random.next() < 0.5, random.next() < 0.3];
  const [momentMs, missed] = [random.below(isEarly ? 5 : 80), 1 + random.below(40)];
  // Early: perhaps before the connect is answered, or in the middle of what was missed before.
  const isThere = isEarly ? () => proxy.connections > 0 : () => connects() > 0 && proxy.connections > 0;
  await expect.poll(isThere, { timeout: BACK_MS, interval: 1 }).toBe(true);
  await pause(momentMs);
  const [closesBefore, publishedBefore] = [closes(), published()];
  if (isAway) proxy.refuse();
  proxy.reset();
  await expect.poll(closes, { timeout: BACK_MS, interval: 1 }).toBeGreaterThan(closesBefore);
  if (isAway) await expect.poll(() => published() - publishedBefore, { interval: 1 }).toBeGreaterThanOrEqual(missed);
  proxy.accept();
  return published() - publishedBefore;
}

function numbered(word: string, count: number): string[] {
  return Array.from({ length: count }, (_value, index) => `${word} ${index}`);
}

describe("the bare client", () => {
  it("is under 80 lines and imports nothing but ws and Node", async () => {
    const source = await readFile(clientFile, "utf8");
    expect(source.trimEnd().split("\n").length).toBeLessThan(80);
    const imports = [...source.matchAll(/(?:from |import\()"([^"]+)"/g)].map(([, name]) => name);
    expect(imports.filter((name) => name?.startsWith("node:") !== true)).toEqual(["ws"]);
  });

  it.each([1, 2, 3])("misses nothing of a stream in which it is cut at random moments, seed %i", async (seed) => {
    await using stage = await start();
    const random = new SeededRandom(seed);
    await enter(stage);

    let published = 0;
    let own = 0;
    const over = new AbortController();
    const publishing = (async () => {
      while (!over.signal.aborted) {
        await stage.publish(`${published}`);
        published += 1;
        if (random.below(10) === 0) stage.client.write(`own ${own++}`);
        await pause(random.below(4));
      }
    })();
    let missed = 0;
    try {
      for (let index = 0; index < CUTS; index += 1) missed += await cut(stage, random, () => published);
    } finally {
      over.abort();
      await publishing;
    }
    stage.client.write("That was all.");
    await expect.poll(() => stage.printed().at(-1), { timeout: BACK_MS }).toBe("Bare: That was all.");
    const all = await stage.published();
    console.log(
      `seed ${seed}: ${stage.closes()} cuts, ${all.length} messages, ${own} of them the client's, ` +
        `${missed} at least published while it was away; ${stage.printed().length} printed`,
    );

    expect(stage.printed()).toEqual(all);
    const by = (name: string): string[] => all.filter((line) => line.startsWith(name));
    expect(by("Server")).toEqual(numbered("Server:", published));
    expect(by("Bare")).toEqual(["Bare: I am here", ...numbered("Bare: own", own), "Bare: That was all."]);
    // It came back with its resume credential each time, and nothing but the cuts has closed its connections.
    expect([stage.tickets(), stage.instances()]).toEqual([1, 1]);
    expect(stage.closes()).toBeGreaterThanOrEqual(CUTS);
    expect(stage.client.stderr.match(/^(?!connected as |closed: 1006).+/gm)).toBeNull();
    expect(missed).toBeGreaterThan(CUTS);
  });

  it("answers heartbeats, and gives up a connection on which none come", async () => {
    await using stage = await start();
    await enter(stage);
    // A server that hears nothing for 1.5 heartbeats closes: how long the connection stays is what is tried here.
    await pause(5 * HEARTBEAT_MS);
    expect(stage.client.stderr).toMatch(/^connected as \S+\n$/);

    stage.proxy.stall();
    await stage.publish(...numbered("missed", 20));
    await expect.poll(stage.closes, { timeout: BACK_MS }).toBe(1);
    stage.proxy.reset();
    stage.proxy.resume();
    await stage.client.until(/missed 19\n/);
    expect(stage.printed()).toEqual(["Bare: I am here", ...numbered("Server: missed", 20)]);
    expect(stage.tickets()).toBe(1);
  });

  it("goes on with what remains when the log does not reach back far enough", async () => {
    await using stage = await start({ historySize: 5 });
    await enter(stage);
    stage.proxy.refuse();
    stage.proxy.reset();
    await stage.client.until(/closed: 1006/);
    await stage.publish(...numbered("missed", 20));
    stage.proxy.accept();
    await stage.client.until(/missed 19\n/);
    expect(stage.printed()).toEqual(["Bare: I am here", ...numbered("Server: missed", 20).slice(-5)]);
  });

  it("takes a new ticket when its credential is refused, as after a restart of the server", async () => {
    const startServer = async (PORT: string): Promise<Program> => {
      const server = new Program({ file: new URL("../wschat/server.mjs", import.meta.url), env: { PORT } });
      await server.until(/The chat is at/);
      return server;
    };
    await using first = await startServer("0");
    const [, PORT = ""] = await first.until(/localhost:(\d+)/);
    await using client = new Program({ file: clientFile, env: { PORT, NAME: "Ada" } });
    const [, instance] = await client.until(/connected as (\S+)\n/);
    client.write("Hello");
    await client.until(/Ada: Hello\n/);
    await first[Symbol.asyncDispose]();
    await client.until(/closed: /);
    client.write("Is anybody there?");
    client.stderr = "";
    await using second = await startServer(PORT);
    const [, another] = await client.until(/connected as (\S+)\n/);
    expect(another).not.toBe(instance);
    await client.until(/there\?\n/);
    expect(client.stdout).toBe("Ada: Hello\nAda: Is anybody there?\n");
    expect(second.stderr).toBe("");
  });
});
