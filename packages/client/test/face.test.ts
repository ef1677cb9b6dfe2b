import { CarillonError } from "@carillon/protocol";
import { expect, test } from "vitest";
import { refusal, welcome } from "./scripted-server.ts";
import { World } from "./world.ts";

const item = (id: string, changes: object = {}): object => ({ id, at: 1, data: id, ...changes });

test("one name has one handle, by name or by pattern and parameters", () => {
  const client = new World().connect();
  expect(client.channel("chat:{room}", { room: "lobby" })).toBe(client.channel("chat:lobby"));
  expect(client.channel("chat:lobby").name).toBe("chat:lobby");
});

test.each(["a:b", "", "a b", "{x}"])("a parameter can't smuggle in another channel: %j", (room) => {
  const client = new World().connect();
  expect(() => client.channel("chat:{room}", { room })).toThrow(CarillonError);
});

test("listening subscribes at the end of the tick, so that options of the same tick count", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  lobby.on("publication", () => {});
  void lobby.subscribe({ history: 20 });
  lobby.on("gap", () => {});
  await world.settle();
  expect(world.end.sent("subscribe")).toEqual([expect.objectContaining({ history: 20 })]);
});

test("listening to state or error, and listening in a tick that ends with unsubscribe, does not subscribe", async () => {
  const world = new World();
  const client = world.connect();
  client.channel("chat:a").on("state", () => {});
  client.channel("chat:a").on("error", () => {});
  const b = client.channel("chat:b");
  b.on("publication", () => {});
  b.unsubscribe();
  await world.settle();
  expect(world.end.names).toEqual(["connect"]);
});

test("every listener can be removed: by its removal, by a signal, by the end of a block", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const seen: string[] = [];
  const controller = new AbortController();
  const listener = ({ id }: { id: string }): number => seen.push(id);
  const off = lobby.on("publication", listener);
  lobby.on("publication", listener);
  lobby.on("publication", ({ id }) => seen.push(`signal ${id}`), { signal: controller.signal });
  lobby.on("publication", ({ id }) => seen.push(`never ${id}`), { signal: AbortSignal.abort() });
  const disposable = lobby.on("publication", ({ id }) => seen.push(`using ${id}`));
  await world.settle();
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  await world.settle();
  off();
  off();
  controller.abort();
  disposable[Symbol.dispose]();
  world.end.items("chat:lobby", "p1", "p2", [item("b")]);
  await world.settle();
  expect(seen).toEqual(["a", "a", "signal a", "using a", "b"]);
});

test("a listener that throws harms neither the others nor the machine, and is reported", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const seen: string[] = [];
  const bug = new Error("A bug of the application.");
  lobby.on("publication", () => {
    throw bug;
  });
  lobby.on("publication", ({ id }) => seen.push(id));
  await world.settle();
  world.end.items("chat:lobby", "p0", "p1", [item("a"), item("b")]);
  await world.settle();
  expect(seen).toEqual(["a", "b"]);
  expect(lobby.position).toBe("p1");
  expect(world.reported).toEqual([bug, bug]);
});

test("a listener that is removed or added while others are called", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const seen: string[] = [];
  lobby.on("publication", () => {
    off();
    lobby.on("publication", () => seen.push("added"));
  });
  const off = lobby.on("publication", () => seen.push("removed"));
  await world.settle();
  world.end.items("chat:lobby", "p0", "p1", [item("a")]);
  await world.settle();
  expect(seen).toEqual([]);
});

test("publications, tombstones and amendments are told apart, with all that they carry", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const seen: unknown[] = [];
  lobby.on("publication", (publication) => seen.push(publication));
  lobby.on("tombstone", (tombstone) => seen.push(tombstone));
  lobby.on("amend", (amendment) => seen.push(amendment));
  await world.settle();
  const publisher = { user: "bob", instance: "i2" };
  const rest = { publisher, tags: { lang: "en" }, meta: { trace: "1" }, expires: 99, version: 2 };
  world.end.items("chat:lobby", "p0", "p4", [
    { id: "a", at: 5, data: { text: "Hi" }, ...rest },
    { id: "b", at: 6, erased: true },
    { amend: "a", id: "m1", at: 7, data: { text: "Hi!" }, publisher },
    { amend: "a", id: "m2", at: 8, erased: true },
  ]);
  world.end.pushBytes(
    {
      push: "items",
      channel: "chat:lobby",
      prev: "p4",
      pos: "p6",
      items: [
        { id: "c", at: 9, bytes: 2 },
        { amend: "c", id: "m3", at: 9, bytes: 1 },
      ],
    },
    new Uint8Array([7, 8, 9]),
  );
  await world.settle();
  const bare = { publisher: undefined, tags: {}, meta: {}, expires: undefined, version: 1 };
  expect(seen).toEqual([
    { id: "a", at: 5, data: { text: "Hi" }, erased: false, ...rest },
    { id: "b", at: 6, erased: true, ...bare },
    { id: "a", amendment: "m1", at: 7, publisher, erased: false, data: { text: "Hi!" } },
    { id: "a", amendment: "m2", at: 8, publisher: undefined, erased: true },
    { id: "c", at: 9, data: new Uint8Array([7, 8]), erased: false, ...bare },
    { id: "c", amendment: "m3", at: 9, publisher: undefined, erased: false, data: new Uint8Array([9]) },
  ]);
});

test("reads history by pages, without amendments", async () => {
  const world = new World({
    history: ({ before }) => ({
      ok: before
        ? { prev: "p0", pos: "p2", items: [item("a")], more: false }
        : {
            prev: "p2",
            pos: "p4",
            items: [item("b"), { amend: "a", id: "m", at: 1, data: 1 }, { id: "c", at: 1, erased: true }],
            more: true,
          },
    }),
  });
  const lobby = world.connect().channel("chat:lobby");
  const first = lobby.history({ limit: 2 });
  await world.settle();
  const page = await first;
  expect(page).toMatchObject({ prev: "p2", pos: "p4", more: true });
  expect(page.items.map(({ id, erased }) => [id, erased])).toEqual([
    ["b", false],
    ["c", true],
  ]);
  const second = lobby.history({ before: page.prev });
  await world.settle();
  expect((await second).more).toBe(false);
  expect(world.end.sent("history").map(({ before, limit }) => [before, limit])).toEqual([
    [undefined, 2],
    ["p2", 100],
  ]);
  expect(world.end.sent("subscribe")).toEqual([]);
});

test("history waits for a connection, and is asked again when one breaks; binary pages are read", async () => {
  const world = new World({ history: () => null });
  const lobby = world.connect().channel("chat:lobby");
  const page = lobby.history();
  await world.settle();
  world.end.close();
  await world.advance(500);
  const command = world.end.sent("history")[0];
  world.end.pushBytes(
    { re: command?.id, ok: { prev: "p0", pos: "p1", items: [{ id: "a", at: 1, bytes: 1 }], more: false } },
    new Uint8Array([5]),
  );
  await world.settle();
  expect((await page).items).toMatchObject([{ id: "a", data: new Uint8Array([5]) }]);
});

test("calls a procedure and gets its output, or the error that it threw", async () => {
  const world = new World({
    call: ({ name, input }) =>
      name === "room.create" ? { ok: { output: { input } } } : refusal("room.taken", { retry: true }),
  });
  const client = world.connect();
  const results = Promise.all([client.call("room.create", { title: "Bells" }), client.call("room.create", undefined)]);
  const refused = client.call("room.other", {});
  refused.catch(() => {});
  await world.settle();
  expect(await results).toEqual([{ input: { title: "Bells" } }, { input: null }]);
  await expect(refused).rejects.toMatchObject({ code: "room.taken", retry: true, message: "Refused: room.taken." });
  await expect(client.call("room.create", 1n)).rejects.toMatchObject({ code: "invalid_data" });
});

test("a call ends in time, when its caller gives up, and when the connection breaks", async () => {
  const world = new World({ call: () => null });
  const client = world.connect();
  await world.settle();
  const controller = new AbortController();
  const codes: string[] = [];
  const watch = (promise: Promise<unknown>): void => void promise.catch(({ code }: CarillonError) => codes.push(code));
  watch(client.call("slow", 1, { timeoutMs: 1000 }));
  watch(client.call("slow", 2, { signal: controller.signal }));
  watch(client.call("slow", 3));
  controller.abort();
  await world.advance(1000);
  expect(codes).toEqual(["aborted", "timeout"]);
  world.end.close();
  await world.advance(500);
  expect(codes).toEqual(["aborted", "timeout", "uncertain"]);
  expect(world.end.sent("call")).toEqual([]);
  watch(client.call("slow", 4, { signal: AbortSignal.abort() }));
  client.disconnect();
  watch(client.call("slow", 5));
  await world.settle();
  expect(codes.slice(3)).toEqual(["aborted", "disconnected"]);
  expect(world.timers).toBe(0);
});

test("what waits for a connection goes out with it, bounded", async () => {
  const world = new World({ call: ({ input }) => ({ ok: { output: input } }) });
  world.isReachable = false;
  const client = world.connect();
  const calls = Array.from({ length: 1001 }, (_, n) => client.call("echo", n));
  await expect(calls.at(-1)).rejects.toMatchObject({ code: "queue_full" });
  await world.settle();
  world.end.open();
  await world.settle();
  expect(await Promise.all(calls.slice(0, 1000))).toHaveLength(1000);
});

test("a verb of the other kind ends as wrong_kind without asking the server", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  void lobby.subscribe();
  await world.settle();
  for (const promise of [lobby.set(1), lobby.remove()])
    await expect(promise).rejects.toMatchObject({ code: "wrong_kind" });
  world.script = { subscribe: ({ channel }) => ({ ok: { channel, kind: "state", pos: null, live: false } }) };
  lobby.unsubscribe();
  void lobby.subscribe();
  await world.settle();
  for (const promise of [lobby.publish(1), lobby.amend("a", 1), lobby.erase("a"), lobby.history()]) {
    await expect(promise).rejects.toMatchObject({ code: "wrong_kind" });
  }
  expect(world.end.names).toEqual(["connect", "subscribe", "unsubscribe", "subscribe"]);
});

test("subscribing while disconnected is refused now and done with the next connection", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  client.disconnect();
  const lobby = client.channel("chat:lobby");
  await expect(lobby.subscribe()).rejects.toMatchObject({ code: "disconnected" });
  client.connect();
  await world.settle();
  expect(lobby.state).toBe("subscribed");
});

test("an instance that the server gave a user is told as such", async () => {
  const world = new World({ connect: () => ({ ok: welcome({ user: "bob", instance: "i7" }) }) });
  const client = world.connect();
  expect([client.user, client.instance]).toEqual([null, null]);
  await world.settle();
  expect([client.user, client.instance]).toEqual(["bob", "i7"]);
});
