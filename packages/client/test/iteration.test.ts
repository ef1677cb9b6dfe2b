import { expect, test } from "vitest";
import type { Change, Publication } from "../src/index.ts";
import { refusal, type Script } from "./scripted-server.ts";
import { World } from "./world.ts";

const item = (id: string): object => ({ id, at: 1, data: id });
const entry = (key: string, value: unknown, version: number): object => ({ key, version, at: version, data: value });
const STATE: Script = { subscribe: ({ channel }) => ({ ok: { channel, kind: "state", pos: "p0", live: true } }) };

test("a loop yields publications in order and ends with the subscription", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const seen: string[] = [];
  const loop = (async () => {
    for await (const publication of lobby) seen.push(publication.id);
    return "ended";
  })();
  await world.settle();
  world.end.items("chat:lobby", "p0", "p2", [item("a"), item("b")]);
  await world.settle();
  world.end.items("chat:lobby", "p2", "p3", [item("c")]);
  await world.settle();
  expect(seen).toEqual(["a", "b", "c"]);
  lobby.unsubscribe();
  expect(await loop).toBe("ended");
});

test("a loop ends when the client disconnects, and throws when it is refused or stopped", async () => {
  const drain = async (source: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of source);
  };
  const world = new World();
  const client = world.connect();
  const left = drain(client.channel("chat:a"));
  await world.settle();
  client.disconnect();
  await expect(left).resolves.toBe(undefined);
  await expect(drain(client.channel("chat:a"))).rejects.toMatchObject({ code: "disconnected" });

  const strict = new World({ subscribe: () => refusal("forbidden") });
  const refused = drain(strict.connect().channel("chat:a"));
  refused.catch(() => {});
  await strict.settle();
  await expect(refused).rejects.toMatchObject({ code: "forbidden" });

  const stopping = new World();
  const stopped = drain(stopping.connect().channel("chat:a"));
  stopped.catch(() => {});
  await stopping.settle();
  stopping.end.close(4500, "revoked");
  await stopping.settle();
  await expect(stopped).rejects.toMatchObject({ code: "disconnected" });
});

test("breaking out of a loop stops listening and leaves the subscription", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const loop = (async () => {
    for await (const publication of lobby) return publication.id;
    return null;
  })();
  await world.settle();
  world.end.items("chat:lobby", "p0", "p2", [item("a"), item("b")]);
  await world.settle();
  expect(await loop).toBe("a");
  expect(lobby.state).toBe("subscribed");
  for (let n = 0; n < 1500; n++) world.end.items("chat:lobby", `p${n + 2}`, `p${n + 3}`, [item("x")]);
  await world.settle();
  expect(lobby.position).toBe("p1502");
});

test("a loop that is too slow for a log gets what is buffered, then an error, never a silent hole", async () => {
  const world = new World();
  const iterator = world.connect().channel("chat:lobby")[Symbol.asyncIterator]();
  const first = iterator.next();
  await world.settle();
  world.end.items(
    "chat:lobby",
    "p0",
    "p1",
    Array.from({ length: 1200 }, (_, n) => item(`n${n}`)),
  );
  await world.settle();
  const seen: Publication[] = [];
  const loop = (async () => {
    seen.push((await first).value as Publication);
    for await (const publication of { [Symbol.asyncIterator]: () => iterator }) seen.push(publication);
  })();
  await expect(loop).rejects.toMatchObject({ code: "overloaded" });
  expect(seen.length).toBeGreaterThanOrEqual(1000);
  expect(seen.length).toBeLessThan(1200);
  expect(seen.map(({ id }) => id)).toEqual(seen.map((_, n) => `n${n}`));
});

test("a loop that is too slow for a state gets the latest of each key, in one list", async () => {
  const world = new World(STATE);
  const cursors = world.connect().channel("cursor:doc");
  const iterator = (cursors as AsyncIterable<readonly Change[]>)[Symbol.asyncIterator]();
  const first = iterator.next();
  await world.settle();
  world.end.items("cursor:doc", "p0", "p1", [entry("a", 1, 1)]);
  await world.settle();
  expect((await first).value).toMatchObject([{ key: "a", value: 1 }]);
  for (let n = 2; n < 50; n++) world.end.items("cursor:doc", `p${n - 1}`, `p${n}`, [entry("a", n, n)]);
  world.end.items("cursor:doc", "p49", "p50", [entry("b", 7, 50), { key: "a", version: 51, removed: true }]);
  await world.settle();
  const { value } = await iterator.next();
  expect(value).toEqual([
    expect.objectContaining({ key: "a", removed: true, previous: expect.objectContaining({ value: 1 }) }),
    expect.objectContaining({ key: "b", value: 7 }),
  ]);
});
