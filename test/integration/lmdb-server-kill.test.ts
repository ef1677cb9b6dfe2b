import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Bundle } from "../support/bundle.ts";
import { DurableServer } from "../support/durable-server.ts";
import { WireClient } from "../support/wire-client.ts";

let program: Bundle;
let folder: string;

beforeAll(async () => {
  program = await DurableServer.program();
  folder = await mkdtemp(join(tmpdir(), "carillon-server-kill-"));
});

afterAll(async () => {
  program[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

async function started(name: string): Promise<DurableServer> {
  const server = new DurableServer({ program, folder: join(folder, name) });
  await server.start();
  return server;
}

async function restart(server: DurableServer): Promise<void> {
  await server.kill();
  await server.start();
}

/** What the server says to a connect with this credential: the reply, or the code of the refusal. */
async function comeIn(server: DurableServer, credential: object): Promise<Readonly<Record<string, unknown>> | string> {
  const client = await WireClient.open(`ws://127.0.0.1:${server.port}/realtime`);
  client.ws.on("error", () => {});
  const answer = await client.command({ cmd: "connect", ...credential }).catch((error: Error) => error.message);
  if (typeof answer === "object") {
    client.ws.send(JSON.stringify({ cmd: "pong" }));
    // The confirmation is worked off, and written, before what comes behind it is answered.
    await client.command({ cmd: "ping" });
    await client.command({ cmd: "set", channel: "board:any", key: "k", data: "written behind it" });
  }
  client.ws.terminate();
  return answer;
}

async function reader(server: DurableServer): Promise<WireClient> {
  const client = await WireClient.connect(`ws://127.0.0.1:${server.port}/realtime`, await server.ticket("eve"));
  client.ws.on("error", () => {});
  return client;
}

/** The entries of a state channel as a newcomer gets them, then each change. */
async function follow(server: DurableServer, channel: string): Promise<Map<string, string>> {
  const client = await reader(server);
  const entries = new Map<string, string>();
  client.on(({ push, channel: of, items, reset }) => {
    if (push !== "items" || of !== channel) return;
    if (reset === true) entries.clear();
    for (const { key = "", data, ...rest } of items ?? []) {
      if ("removed" in rest) entries.delete(key);
      else entries.set(key, String(data));
    }
  });
  const live = client.next(({ push, channel: of }) => push === "live" && of === channel);
  const { live: isLive } = await client.command({ cmd: "subscribe", channel });
  if (isLive !== true) await live;
  return entries;
}

describe("a server that is killed and started again", () => {
  test("takes a ticket once, before or after", async () => {
    await using server = await started("tickets");
    const [used, unused] = [await server.ticket("ada"), await server.ticket("ada")];
    expect(await comeIn(server, { ticket: used })).toMatchObject({ user: "ada" });
    await restart(server);
    expect(await comeIn(server, { ticket: used })).toBe("ticket_refused");
    expect(await comeIn(server, { ticket: unused })).toMatchObject({ user: "ada" });
    await restart(server);
    expect(await comeIn(server, { ticket: unused })).toBe("ticket_refused");
  });

  test("lets an instance come back with its newest credential, and with no earlier one", async () => {
    await using server = await started("resume");
    const first = await comeIn(server, { ticket: await server.ticket("ada") });
    if (typeof first === "string") throw new Error(first);
    const { instance, resume } = first;
    await restart(server);
    const second = await comeIn(server, { resume });
    expect(second).toMatchObject({ instance, user: "ada" });
    if (typeof second === "string") throw new Error(second);
    expect(second["resume"]).not.toBe(resume);
    await restart(server);
    expect(await comeIn(server, { resume })).toBe("resume_refused");
    expect(await comeIn(server, { resume: second["resume"] })).toMatchObject({ instance });
  });

  test("goes on from every position that it has handed out", async () => {
    await using server = await started("positions");
    const url = (): string => `ws://127.0.0.1:${server.port}/realtime`;
    let writer = await reader(server);
    const positions: string[] = [];
    for (let number = 0; number < 30; number++) {
      const command = { cmd: "publish", channel: "chat:lobby", publication: `p${number}`, data: "hello" };
      positions.push(String((await writer.command(command))["pos"]));
      if (number % 10 === 9) {
        await restart(server);
        writer = await reader(server);
      }
    }
    for (const [index, position] of positions.entries()) {
      const client = await WireClient.connect(url(), await server.ticket("eve"));
      const told: string[] = [];
      const gaps: unknown[] = [];
      client.on(({ push, items }) => {
        if (push === "gap") gaps.push(push);
        if (push === "items") told.push(...(items ?? []).map(({ id = "" }) => id));
      });
      const live = client.next(({ push }) => push === "live");
      const answer = await client.command({ cmd: "subscribe", channel: "chat:lobby", position });
      if (answer["live"] !== true) await live;
      expect(told).toEqual(Array.from({ length: 29 - index }, (_, number) => `p${index + 1 + number}`));
      expect(gaps).toEqual([]);
      client.ws.terminate();
    }
  });

  test("ends the entries of instances that do not come back, after their grace, and keeps all others", async () => {
    await using server = await started("owned");
    const gone = await reader(server);
    await gone.command({ cmd: "set", channel: "cell:lobby", key: "gone", data: "here" });
    await gone.command({ cmd: "set", channel: "board:lobby", key: "kept", data: "on the board" });
    const back = await WireClient.open(`ws://127.0.0.1:${server.port}/realtime`);
    back.ws.on("error", () => {});
    const { resume } = await back.command({ cmd: "connect", ticket: await server.ticket("ada") });
    await back.command({ cmd: "set", channel: "cell:lobby", key: "back", data: "here" });
    await restart(server);
    const cells = await follow(server, "cell:lobby");
    expect([...cells.keys()].sort()).toEqual(["back", "gone"]);
    const again = await WireClient.open(`ws://127.0.0.1:${server.port}/realtime`);
    await again.command({ cmd: "connect", resume });
    await again.command({ cmd: "set", channel: "cell:lobby", key: "back", data: "here again" });
    await expect.poll(() => [...cells]).toEqual([["back", "here again"]]);
    expect([...(await follow(server, "board:lobby"))]).toEqual([["kept", "on the board"]]);
    again.ws.terminate();
  });
});
