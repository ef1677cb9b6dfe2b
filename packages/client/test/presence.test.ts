import { expect, test } from "vitest";
import type { AnyChannel, Client } from "../src/index.ts";
import { refusal, type Script } from "./scripted-server.ts";
import { World } from "./world.ts";

const PRESENCE = "@presence:chat:lobby";

const SUBSCRIBED: Script = {
  subscribe: ({ channel, position }) => ({
    ok: { channel, kind: "state", pos: position ?? null, live: position !== undefined },
  }),
};

const member = (instance: string, user: string, info: unknown, version: number): object => ({
  key: instance,
  version,
  at: version,
  data: info,
  owner: { user, instance },
});

async function follow(): Promise<{ world: World; client: Client; lobby: AnyChannel; log: string[] }> {
  const world = new World(SUBSCRIBED);
  const client = world.connect();
  const lobby = client.channel("chat:lobby");
  const log: string[] = [];
  for (const event of ["join", "leave", "update"] as const) {
    lobby.presence.on(event, ({ instance, user, info }) => log.push(`${event} ${instance} ${user} ${String(info)}`));
  }
  lobby.presence.on("change", (members) => log.push(members.map(({ info }) => String(info)).join()));
  await world.settle();
  return { world, client, lobby, log };
}

test("members come, change and go", async () => {
  const { world, lobby, log } = await follow();
  expect(world.end.sent("subscribe").map(({ channel }) => channel)).toEqual([PRESENCE]);
  world.end.items(PRESENCE, null, "p1", [member("i1", "ada", "A", 1), member("i2", "bob", "B", 2)], { reset: true });
  world.end.push({ push: "live", channel: PRESENCE, pos: "p1" });
  world.end.items(PRESENCE, "p1", "p3", [member("i1", "ada", "C", 3), { key: "i2", version: 4, removed: true }]);
  await world.settle();
  expect(log).toEqual(["join i1 ada A", "join i2 bob B", "A,B", "update i1 ada C", "leave i2 bob B", "C"]);
  expect(lobby.presence.members).toEqual([{ instance: "i1", user: "ada", info: "C" }]);
  expect(lobby.presence.members).toBe(lobby.presence.members);
});

test("entering needs no subscription, and lasts across reconnects until leaving", async () => {
  const world = new World(SUBSCRIBED);
  const lobby = world.connect().channel("chat:lobby");
  const entered = lobby.presence.enter({ name: "Ada" });
  await world.settle();
  expect((await entered).version).toBe(1);
  expect(world.end.names).toEqual(["connect", "set"]);
  expect(world.end.sent("set")[0]).toMatchObject({ channel: PRESENCE, data: { name: "Ada" } });
  expect(world.end.sent("set")[0]).not.toHaveProperty("key");
  void lobby.presence.update({ name: "Ada L." });
  await world.settle();
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("set")).toEqual([expect.objectContaining({ data: { name: "Ada L." } })]);
  void lobby.presence.leave();
  await world.settle();
  expect(world.end.sent("remove")).toHaveLength(1);
  world.end.close();
  await world.advance(500);
  expect(world.end.names).toEqual(["connect"]);
});

test("members do not flicker when a fresh snapshot comes after a reconnect", async () => {
  const { world, log } = await follow();
  world.end.items(PRESENCE, null, "p1", [member("i1", "ada", "A", 1), member("i2", "bob", "B", 2)], { reset: true });
  world.end.push({ push: "live", channel: PRESENCE, pos: "p1" });
  await world.settle();
  log.length = 0;
  world.end.close();
  await world.advance(500);
  world.end.items(PRESENCE, null, "p9", [member("i1", "ada", "A", 1)], { reset: true });
  world.end.push({ push: "live", channel: PRESENCE, pos: "p9" });
  await world.settle();
  expect(log).toEqual(["leave i2 bob B", "A"]);
});

test("a refused presence is told to its own listeners, or to those of the client", async () => {
  const world = new World({ subscribe: () => refusal("forbidden") });
  const client = world.connect();
  const { presence } = client.channel("chat:lobby");
  const log: string[] = [];
  client.on("error", ({ code }) => log.push(`client ${code}`));
  presence.on("state", ({ state }) => log.push(state));
  const off = presence.on("error", ({ code }) => log.push(`presence ${code}`));
  presence.on("join", () => {});
  await world.settle();
  off();
  presence.subscribe().catch(() => {});
  await world.settle();
  expect(log.slice(0, 3)).toEqual(["subscribing", "unsubscribed", "presence forbidden"]);
  expect(log.slice(3)).toEqual(["subscribing", "unsubscribed", "client forbidden"]);
});

test("the channel's own kind does not matter to its presence", async () => {
  const { lobby, client } = await follow();
  expect(lobby.presence).toBe(client.channel("chat:lobby").presence);
  expect(lobby.presence.kind).toBe("state");
  expect(lobby.presence.name).toBe(PRESENCE);
  expect(lobby.kind).toBe(null);
});

test("who is told that entries were lost sets again what was just seen to end, and not what ended before", async () => {
  for (const { laterMs, data } of [
    { laterMs: 0, data: ["A"] },
    { laterMs: 31_000, data: [] },
  ]) {
    const { world, lobby } = await follow();
    void lobby.presence.enter("A");
    await world.settle();
    const first = world.end;
    first.items(PRESENCE, null, "p1", [member("i1", "ada", "A", 1)], { reset: true });
    first.push({ push: "live", channel: PRESENCE, pos: "p1" });
    first.items(PRESENCE, "p1", "p2", [{ key: "i1", version: 2, removed: true }]);
    await world.advance(laterMs);
    first.close(4006);
    await world.advance(500);
    expect(world.end).not.toBe(first);
    expect(world.end.sent("set").map((set) => set["data"])).toEqual(data);
  }
});
