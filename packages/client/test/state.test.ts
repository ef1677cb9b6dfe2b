import { expect, test } from "vitest";
import type { AnyChannel, CarillonError, Change, Client } from "../src/index.ts";
import { refusal, welcome, type Script } from "./scripted-server.ts";
import { World } from "./world.ts";

const SUBSCRIBED: Script = {
  subscribe: ({ channel, position }) => ({
    ok: { channel, kind: "state", pos: position ?? null, live: position !== undefined },
  }),
};

const entry = (key: string, value: unknown, version: number, changes: object = {}): object => ({
  key,
  version,
  at: version,
  data: value,
  ...changes,
});

/** A client that follows a state channel, with the changes that it told. */
async function follow(
  script: Script = {},
): Promise<{ world: World; client: Client; typing: AnyChannel; log: string[] }> {
  const world = new World({ ...SUBSCRIBED, ...script });
  const client = world.connect();
  const typing = client.channel("typing:lobby");
  const log: string[] = [];
  typing.on("change", (changes) => log.push(changes.map(describe).join(" ")));
  typing.on("live", () => log.push("live"));
  await world.settle();
  return { world, client, typing, log };
}

function describe(change: Change): string {
  const before = change.previous ? String(change.previous.value) : "-";
  return `${change.key}:${before}>${change.removed ? "-" : String(change.value)}`;
}

test("a snapshot, then changes: entries and events agree", async () => {
  const { world, typing, log } = await follow();
  world.end.items("typing:lobby", null, null, [entry("a", 1, 1)], { reset: true });
  world.end.items("typing:lobby", null, "p2", [entry("b", 2, 2)]);
  world.end.push({ push: "live", channel: "typing:lobby", pos: "p2" });
  world.end.items("typing:lobby", "p2", "p4", [entry("a", 3, 3), { key: "b", version: 4, removed: true }]);
  await world.settle();
  expect(log).toEqual(["a:->1", "b:->2", "live", "a:1>3 b:2>-"]);
  expect([...typing.entries]).toEqual([["a", { value: 3, version: 3, at: 3, owner: undefined }]]);
  expect(typing.get("a")).toBe(3);
  expect(typing.get("b")).toBe(undefined);
  expect(typing.position).toBe("p4");
  expect(typing.kind).toBe("state");
});

test("after a short absence the changes follow, after a long one a snapshot takes the place of the entries", async () => {
  const { world, typing, log } = await follow();
  world.end.items("typing:lobby", null, "p2", [entry("a", 1, 1), entry("b", 2, 2), entry("c", 3, 3)], { reset: true });
  world.end.push({ push: "live", channel: "typing:lobby", pos: "p2" });
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("subscribe")[0]).toMatchObject({ position: "p2" });
  log.length = 0;
  world.end.items("typing:lobby", null, null, [entry("b", 2, 2)], { reset: true });
  await world.settle();
  expect(typing.entries.size).toBe(3);
  world.end.items("typing:lobby", null, "p9", [entry("c", 4, 8)]);
  world.end.push({ push: "live", channel: "typing:lobby", pos: "p9" });
  await world.settle();
  expect(log).toEqual(["c:3>4", "a:1>-", "live"]);
  expect([...typing.entries.keys()]).toEqual(["b", "c"]);
});

test("a connection that breaks in the middle of a snapshot asks for a whole one", async () => {
  const { world, typing } = await follow();
  world.end.items("typing:lobby", null, null, [entry("a", 1, 1)], { reset: true });
  await world.settle();
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("subscribe")[0]).not.toHaveProperty("position");
  world.end.items("typing:lobby", null, "p1", [entry("b", 2, 2)], { reset: true });
  world.end.push({ push: "live", channel: "typing:lobby", pos: "p1" });
  await world.settle();
  expect([...typing.entries.keys()]).toEqual(["b"]);
});

test("unsubscribing empties it", async () => {
  const { world, typing, log } = await follow();
  world.end.items("typing:lobby", null, "p1", [entry("a", 1, 1)], { reset: true });
  await world.settle();
  typing.unsubscribe();
  expect(log.at(-1)).toBe("a:1>-");
  expect(typing.entries.size).toBe(0);
});

test("values may be binary", async () => {
  const { world, typing } = await follow();
  world.end.pushBytes(
    {
      push: "items",
      channel: "typing:lobby",
      prev: null,
      pos: "p1",
      reset: true,
      items: [{ key: "a", version: 1, at: 1, bytes: 2 }, entry("b", 2, 2), { key: "c", version: 3, at: 1, bytes: 1 }],
    },
    new Uint8Array([1, 2, 3]),
  );
  await world.settle();
  expect(typing.get("a")).toEqual(new Uint8Array([1, 2]));
  expect(typing.get("c")).toEqual(new Uint8Array([3]));
});

test("sets the own entry, that of a key, and one with an expected version", async () => {
  const { world, typing } = await follow();
  const results = Promise.all([
    typing.set("x"),
    typing.set("k", "y"),
    typing.set(null, "z", { expect: 3 }),
    typing.remove("k"),
  ]);
  await world.settle();
  expect((await results).map(({ version }) => version)).toEqual([1, 1, 1, 2]);
  expect(world.end.commands.slice(2)).toMatchObject([
    { cmd: "set", data: "x" },
    { cmd: "set", key: "k", data: "y" },
    { cmd: "set", expect: 3, data: "z" },
    { cmd: "remove", key: "k" },
  ]);
});

test("a conflict tells the version that stands", async () => {
  const { world, typing } = await follow({ set: () => refusal("conflict", { version: 7 }) });
  const promise = typing.set("k", 1, { expect: 3 });
  promise.catch(() => {});
  await world.settle();
  await expect(promise).rejects.toMatchObject({ code: "conflict", version: 7 });
});

test("only the last wish for a key is sent when a connection comes, and settles those before it", async () => {
  const world = new World(SUBSCRIBED);
  world.isReachable = false;
  const cursor = world.connect().channel("cursor:doc");
  const results = Promise.all([cursor.set(1), cursor.set(2), cursor.set(3), cursor.set("k", 9)]);
  await world.settle();
  world.end.open();
  await world.settle();
  expect(await results).toHaveLength(4);
  expect(world.end.sent("set").map(({ key, data }) => [key, data])).toEqual([
    [undefined, 3],
    ["k", 9],
  ]);
});

test("callers do not pile up behind a cursor that moves on without a connection", async () => {
  const world = new World(SUBSCRIBED);
  world.isReachable = false;
  const cursor = world.connect().channel("cursor:doc");
  const codes: string[] = [];
  for (let n = 0; n < 1500; n++) cursor.set(n).catch(({ code }: CarillonError) => codes.push(code));
  await world.settle();
  expect(codes).toHaveLength(500);
  expect(new Set(codes)).toEqual(new Set(["queue_full"]));
  world.end.open();
  await world.settle();
  expect(world.end.sent("set").map(({ data }) => data)).toEqual([1499]);
});

test("the own entry is set again after a reconnect, also as another instance", async () => {
  const { world, typing } = await follow();
  void typing.set("here");
  await world.settle();
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("set")).toEqual([expect.objectContaining({ data: "here" })]);
  world.script = { ...SUBSCRIBED, connect: () => ({ ok: welcome({ instance: "i2" }) }) };
  world.end.close(4102);
  await world.advance(500);
  expect(world.end.sent("set")).toEqual([expect.objectContaining({ data: "here" })]);
});

test("an entry of another key is set again only if it is seen to be its own", async () => {
  const { world, typing } = await follow();
  void typing.set("mine", 1);
  void typing.set("shared", 2);
  await world.settle();
  const owner = { user: "ada", instance: "i1" };
  world.end.items("typing:lobby", null, "p2", [entry("mine", 1, 1, { owner }), entry("shared", 2, 2)], { reset: true });
  await world.settle();
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("set").map(({ key }) => key)).toEqual(["mine"]);
});

test("what was removed, unwanted, or ended by other means does not come back", async () => {
  const { world, client, typing } = await follow();
  void typing.set("x");
  const other = client.channel("typing:other");
  void other.set(null, "y", { keep: false });
  const third = client.channel("typing:third");
  void third.set("z");
  void third.remove();
  await world.settle();
  world.end.items("typing:lobby", null, "p2", [entry("i1", "x", 1)], { reset: true });
  world.end.items("typing:lobby", "p2", "p3", [{ key: "i1", version: 2, removed: true }]);
  await world.settle();
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("set")).toEqual([]);
  expect(world.end.sent("remove")).toEqual([]);
});

test("the end of an entry of before the absence does not undo the one of after it", async () => {
  const { world, typing } = await follow({ set: () => ({ ok: { pos: "p", version: 10 } }) });
  void typing.set("x");
  await world.settle();
  world.end.items("typing:lobby", null, "p1", [entry("i1", "x", 1)], { reset: true });
  await world.settle();
  for (let round = 0; round < 2; round++) {
    world.end.close();
    await world.advance(500);
    world.end.items("typing:lobby", `p${round + 1}`, `p${round + 2}`, [{ key: "i1", version: 5, removed: true }]);
    await world.settle();
    expect(world.end.sent("set")).toHaveLength(1);
  }
});

test("a set without a connection, of a key that was set before, is made with the next connection", async () => {
  const { world, typing } = await follow();
  void typing.set("shared", 1);
  await world.settle();
  world.isReachable = false;
  world.end.close();
  await world.settle();
  const second = typing.set("shared", 2);
  world.isReachable = true;
  await world.advance(20_000);
  expect(world.end.sent("set").map(({ data }) => data)).toEqual([2]);
  expect((await second).version).toBe(1);
});

test("a set that was under way when the connection broke is sent again, a compare-and-set is uncertain", async () => {
  const { world, typing } = await follow({ set: () => null });
  const plain = typing.set("k", 1);
  const compared = typing.set("k", 2, { expect: 1 });
  compared.catch(() => {});
  await world.settle();
  world.end.close();
  await world.settle();
  world.script = SUBSCRIBED;
  await world.advance(500);
  expect((await plain).version).toBe(1);
  await expect(compared).rejects.toMatchObject({ code: "uncertain" });
  expect(world.end.sent("set").map(({ data }) => data)).toEqual([1]);
});

test("a failure that may pass is tried again, one that won't ends the wish", async () => {
  let count = 0;
  const { world, client, typing } = await follow({
    set: () =>
      ++count === 1 ? refusal("unavailable", { retry: true, retryAfterMs: 2000 }) : { ok: { pos: "p", version: 1 } },
  });
  const set = typing.set(1);
  await world.advance(1999);
  expect(count).toBe(1);
  await world.advance(1);
  expect((await set).version).toBe(1);
  world.script = { ...SUBSCRIBED, set: () => refusal("forbidden") };
  const refused = client.channel("typing:else").set(1);
  refused.catch(() => {});
  await world.settle();
  await expect(refused).rejects.toMatchObject({ code: "forbidden" });
  const errors: CarillonError[] = [];
  client.on("error", (error) => errors.push(error));
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("set").map(({ channel }) => channel)).toEqual(["typing:lobby"]);
  expect(errors.map(({ code }) => code)).toEqual(["forbidden"]);
  world.end.close();
  await world.advance(500);
  expect(world.end.sent("set")).toEqual([]);
});

test("a wish that a later connection of the instance has overtaken comes true on the next, a compare-and-set is told", async () => {
  const { world, typing } = await follow({ set: () => refusal("replaced", { retry: true }) });
  const plain = typing.set("k", 1);
  const compared = typing.set("k", 2, { expect: 1 });
  compared.catch(() => {});
  await world.settle();
  await expect(compared).rejects.toMatchObject({ code: "replaced", retry: true });
  world.script = SUBSCRIBED;
  world.end.close(4004);
  await world.advance(500);
  expect((await plain).version).toBe(1);
  expect(world.end.sent("set").map(({ data }) => data)).toEqual([1]);
});

test("disconnecting forgets all wishes and rejects those that wait", async () => {
  const { world, client, typing } = await follow({ set: () => null });
  const waiting = typing.set(1);
  waiting.catch(() => {});
  await world.settle();
  client.disconnect();
  await expect(waiting).rejects.toMatchObject({ code: "disconnected" });
  await expect(typing.set(2)).rejects.toMatchObject({ code: "disconnected" });
  client.connect();
  await world.settle();
  expect(world.end.sent("set")).toEqual([]);
  client.disconnect();
  expect(world.timers).toBe(0);
});
