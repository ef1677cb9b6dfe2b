import { expect, test } from "vitest";
import type { AnyChannel, CarillonError, Client, Gap, Publication } from "../src/index.ts";
import { refusal, welcome, type Script } from "./scripted-server.ts";
import { World } from "./world.ts";

const item = (id: string, changes: object = {}): object => ({ id, at: 1, data: id, ...changes });

/** A client with one channel and everything that it tells. */
async function follow(
  script: Script = {},
): Promise<{ world: World; client: Client; lobby: AnyChannel; log: string[] }> {
  const world = new World(script);
  const client = world.connect();
  const lobby = client.channel("chat:lobby");
  const log: string[] = [];
  lobby.on("publication", ({ id }) => log.push(id));
  lobby.on("gap", ({ from, to, reason }: Gap) => log.push(`gap ${from} ${to} ${reason}`));
  lobby.on("live", (position) => log.push(`live ${position}`));
  lobby.on("state", ({ state }) => log.push(state));
  lobby.on("error", ({ code }) => log.push(`error ${code}`));
  await world.settle();
  return { world, client, lobby, log };
}

test("connect and all subscriptions take one round trip and two frames, since connect is alone in its own", async () => {
  const world = new World();
  world.isReachable = false;
  const client = world.connect();
  for (const name of ["a", "b", "c"]) client.channel(`chat:${name}`).on("publication", () => {});
  await world.settle();
  world.end.isAnswering = false;
  world.end.open();
  await world.settle();
  expect(world.end.names).toEqual(["connect", "subscribe", "subscribe", "subscribe"]);
  expect(world.end.frames).toHaveLength(2);
});

test("what goes before the reply to connect stays within what a server takes", async () => {
  const world = new World();
  world.isReachable = false;
  const client = world.connect();
  for (let n = 0; n < 256; n++) client.channel(`chat:${"x".repeat(180)}${n}`).on("publication", () => {});
  await world.settle();
  world.end.isAnswering = false;
  world.end.open();
  await world.settle();
  const early = world.end.frames.reduce((sum, frame) => sum + frame.length, 0);
  expect(early).toBeGreaterThan(13_000);
  expect(early).toBeLessThan(16_384);
  // The rest follows the reply.
  world.end.push({ re: 1, ok: welcome() });
  await world.settle();
  expect(world.end.sent("subscribe")).toHaveLength(256);
});

test("delivers what fits its position, and the position follows", async () => {
  const { world, lobby, log } = await follow();
  world.end.items("chat:lobby", "p0", "p2", [item("a"), item("b")]);
  world.end.items("chat:lobby", "p2", "p3", [item("c")]);
  await world.settle();
  expect(log).toEqual(["subscribing", "subscribed", "live p0", "a", "b", "c"]);
  expect(lobby.position).toBe("p3");
  expect(lobby.kind).toBe("log");
  expect(lobby.isLive).toBe(true);
});

test("the position stands behind a page only when its last item is delivered", async () => {
  const { world, lobby } = await follow();
  const seen: (string | null)[] = [];
  lobby.on("publication", () => seen.push(lobby.position));
  world.end.items("chat:lobby", "p0", "p3", [item("a"), item("b"), item("c")]);
  await world.settle();
  expect(seen).toEqual(["p0", "p0", "p3"]);
});

test("subscribes again from its position after a reconnect", async () => {
  const { world, log } = await follow();
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  await world.settle();
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("subscribe")[0]).toMatchObject({ channel: "chat:lobby", position: "p1" });
  world.end.items("chat:lobby", "p1", "p2", [item("b")]);
  await world.settle();
  expect(log.slice(3)).toEqual(["a", "subscribing", "subscribed", "live p1", "b"]);
});

test("a connection that breaks before the reply repeats the wish for history", async () => {
  const world = new World({ subscribe: () => null });
  const client = world.connect();
  void client.channel("chat:lobby").subscribe({ history: 50 });
  await world.settle();
  expect(world.end.sent("subscribe")[0]).toMatchObject({ history: 50 });
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("subscribe")[0]).toMatchObject({ history: 50 });
});

test("a push that does not fit is not taken: the channel is subscribed again from the position", async () => {
  const { world, log } = await follow();
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  world.end.items("chat:lobby", "p7", "p8", [item("lost")]);
  world.end.items("chat:lobby", "p8", "p9", [item("lost too")]);
  await world.settle();
  expect(world.end.names.slice(-2)).toEqual(["unsubscribe", "subscribe"]);
  expect(world.end.sent("subscribe").at(-1)).toMatchObject({ position: "p1" });
  world.end.items("chat:lobby", "p1", "p9", [item("b"), item("c")]);
  await world.settle();
  expect(log.slice(3)).toEqual(["a", "subscribing", "subscribed", "live p1", "b", "c"]);
});

test("a server whose pushes never fit is asked more and more rarely", async () => {
  const world = new World({
    subscribe: ({ channel, position }, end) => {
      queueMicrotask(() => end.items("chat:lobby", "elsewhere", "p1", [item("x")]));
      return { ok: { channel, kind: "log", pos: position ?? "p0", live: true } };
    },
  });
  world
    .connect()
    .channel("chat:lobby")
    .on("publication", () => {});
  await world.advance(37_000);
  expect(world.end.sent("subscribe").length).toBeLessThan(15);
  expect(world.end.sent("subscribe").length).toBeGreaterThan(3);
});

test("a gap is told once, and delivery goes on behind it", async () => {
  const { world, lobby, log } = await follow();
  world.end.push({ push: "gap", channel: "chat:lobby", from: "p0", to: "p5", reason: "trimmed" });
  world.end.items("chat:lobby", "p5", "p6", [item("a")]);
  await world.settle();
  expect(log.slice(3)).toEqual(["gap p0 p5 trimmed", "a"]);
  expect(lobby.position).toBe("p6");
});

test("live says when catching up has ended", async () => {
  const { world, lobby, log } = await follow({
    subscribe: ({ channel }) => ({ ok: { channel, kind: "log", pos: "p0", live: false } }),
  });
  expect(lobby.isLive).toBe(false);
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  world.end.push({ push: "live", channel: "chat:lobby", pos: "p1" });
  await world.settle();
  expect(log).toEqual(["subscribing", "subscribed", "a", "live p1"]);
  expect(lobby.isLive).toBe(true);
});

test("a refusal ends it, rejects the promise, and is told to the nearest listener", async () => {
  const world = new World({ subscribe: () => refusal("forbidden") });
  const client = world.connect();
  const errors: CarillonError[] = [];
  client.on("error", (error) => errors.push(error));
  const lobby = client.channel("chat:lobby");
  await world.settle();
  const decided = lobby.subscribe();
  await world.settle();
  await expect(decided).rejects.toMatchObject({ code: "forbidden", retry: false });
  expect(lobby.state).toBe("unsubscribed");
  expect(errors.map(({ code }) => code)).toEqual(["forbidden"]);
  const { log } = await follow({ subscribe: () => refusal("forbidden") });
  expect(log).toEqual(["subscribing", "unsubscribed", "error forbidden"]);
});

test("a refusal that nobody listens for is reported", async () => {
  const world = new World({ subscribe: () => refusal("forbidden") });
  void world.connect().channel("chat:lobby").subscribe();
  await world.settle();
  expect(world.reported).toEqual([expect.objectContaining({ code: "forbidden" })]);
});

test("a refusal that may pass is followed by another attempt, not before the time it names", async () => {
  let count = 0;
  const { world, lobby, log } = await follow({
    subscribe: ({ channel }) =>
      ++count < 2
        ? refusal("limit_exceeded", { retry: true, retryAfterMs: 4000 })
        : { ok: { channel, kind: "log", pos: "p0", live: true } },
  });
  expect(lobby.state).toBe("subscribing");
  await world.advance(3999);
  expect(count).toBe(1);
  await world.advance(1);
  expect(lobby.state).toBe("subscribed");
  expect(log).toEqual(["subscribing", "error limit_exceeded", "subscribed", "live p0"]);
});

test("a subscription that the server ends stays ended, or comes back if it may", async () => {
  const { world, lobby, log } = await follow();
  const push = { push: "unsubscribed", channel: "chat:lobby", code: "unavailable", message: "Later.", retry: true };
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  world.end.push(push);
  await world.settle();
  expect(lobby.state).toBe("subscribing");
  await world.advance(500);
  expect(world.end.sent("subscribe").at(-1)).toMatchObject({ position: "p1" });
  expect(lobby.state).toBe("subscribed");
  world.end.push({ ...push, code: "forbidden", retry: false });
  await world.settle();
  expect(lobby.state).toBe("unsubscribed");
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("subscribe")).toHaveLength(0);
  expect(log.at(-1)).toBe("error forbidden");
});

test("unsubscribing ends deliveries at once, and what is still on its way is not delivered", async () => {
  const { world, lobby, log } = await follow();
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  lobby.unsubscribe();
  await world.settle();
  expect(log.slice(3)).toEqual(["unsubscribed"]);
  expect(lobby.position).toBe(null);
  void lobby.subscribe();
  world.end.items("chat:lobby", "p0", "p1", [item("stale")]);
  await world.settle();
  expect(log.slice(4)).toEqual(["subscribing", "subscribed", "live p0"]);
});

test("a listener may unsubscribe in the middle of a page", async () => {
  const { world, lobby, log } = await follow();
  lobby.on("publication", ({ id }) => {
    if (id === "b") lobby.unsubscribe();
  });
  world.end.items("chat:lobby", "p0", "p3", [item("a"), item("b"), item("c")]);
  await world.settle();
  expect(log.slice(3)).toEqual(["a", "b", "unsubscribed"]);
  expect(lobby.position).toBe(null);
});

test("a page is delivered to its end even if a listener disconnects in its middle", async () => {
  const { world, client, lobby, log } = await follow();
  lobby.on("publication", ({ id }) => {
    if (id === "a") client.disconnect();
  });
  world.end.items("chat:lobby", "p0", "p2", [item("a"), item("b")]);
  await world.settle();
  expect(log.slice(3)).toEqual(["a", "subscribing", "b"]);
  client.connect();
  await world.settle();
  expect(world.end.sent("subscribe")[0]).toMatchObject({ position: "p2" });
});

test("follows a channel to which the server subscribed it, and announces it", async () => {
  const world = new World();
  const client = world.connect();
  const seen: string[] = [];
  client.on("subscribed", ({ channel }) => {
    client.channel(channel).on("publication", ({ id }) => seen.push(id));
  });
  await world.settle();
  world.end.push({ push: "subscribed", channel: "news:all", kind: "log", pos: "p0", live: true });
  world.end.items("news:all", "p0", "p1", [item("a")]);
  await world.settle();
  expect(seen).toEqual(["a"]);
  expect(world.end.sent("subscribe")).toHaveLength(0);
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("subscribe")[0]).toMatchObject({ channel: "news:all", position: "p1" });
});

test("a server that subscribes it at another place is asked for what lies between", async () => {
  const { world, log } = await follow();
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  await world.settle();
  let isThere = true;
  world.script = {
    connect: (command, end) => {
      end.reply(command, { ok: { session: "s", instance: "i1", user: "u", idempotency: { windowMs: 1, epoch: "e" } } });
      end.push({ push: "subscribed", channel: "chat:lobby", kind: "log", pos: "p9", live: true });
      return null;
    },
    subscribe: ({ channel, position }) =>
      isThere ? refusal("already_subscribed") : { ok: { channel, kind: "log", pos: position, live: true } },
    unsubscribe: () => {
      isThere = false;
      return { ok: {} };
    },
  };
  world.end.close();
  await world.advance(500);
  expect(world.end.names).toEqual(["connect", "subscribe", "unsubscribe", "subscribe"]);
  expect(world.end.sent("subscribe").at(-1)).toMatchObject({ position: "p1" });
  world.end.items("chat:lobby", "p1", "p9", [item("b")]);
  await world.settle();
  expect(log.slice(-3)).toEqual(["subscribed", "live p1", "b"]);
});

test("starts from a position that an earlier life stored", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  lobby.on("publication", () => {});
  const decided = lobby.subscribe({ position: "stored", history: 5 });
  await world.settle();
  await decided;
  expect(world.end.sent("subscribe")).toEqual([{ cmd: "subscribe", channel: "chat:lobby", position: "stored", id: 2 }]);
});

test("own publications can be left out, also those of an earlier instance", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const seen: Publication[] = [];
  lobby.on("publication", (publication) => seen.push(publication));
  void lobby.subscribe({ echo: false });
  await world.settle();
  const by = (instance: string): object => ({ publisher: { user: "ada", instance } });
  world.end.items("chat:lobby", "p0", "p1", [item("mine", by("i1")), item("hers", by("i2")), item("server")]);
  await world.settle();
  expect(seen.map(({ id }) => id)).toEqual(["hers", "server"]);
  expect(lobby.position).toBe("p1");
  world.script = { connect: () => ({ ok: welcome({ instance: "i3" }) }) };
  world.end.close(4102);
  await world.advance(500);
  world.end.items("chat:lobby", "p1", "p2", [item("earlier", by("i1")), item("now", by("i3")), item("hers", by("i2"))]);
  await world.settle();
  expect(seen.map(({ id }) => id)).toEqual(["hers", "server", "hers"]);
});
