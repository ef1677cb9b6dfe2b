import { CarillonError } from "@carillon/protocol";
import { expect, test } from "vitest";
import { memory, SILENT_LOGGER, type Backplane } from "../../src/index.ts";
import { startServer } from "../support.ts";

const CHAT = "chat:lobby";

test("the application publishes, amends, erases and reads history", async () => {
  await using server = await startServer();
  const { carillon } = server;
  const peer = await server.enter();
  await peer.ok({ cmd: "subscribe", channel: CHAT });
  const { id } = await carillon.publish(CHAT, { text: "one" }, { tags: { lang: "en" } });
  await carillon.amend(CHAT, id, { text: "edited" });
  await expect(carillon.history(CHAT)).resolves.toMatchObject({
    publications: [{ id, data: { text: "edited" }, publisher: null, tags: { lang: "en" } }],
  });
  await carillon.amend(CHAT, id, null);
  await expect(carillon.history(CHAT)).resolves.toMatchObject({ publications: [{ id, data: null }] });
  await peer.next((message) => JSON.stringify(message).includes('"erased":true'));
  expect(peer.items(CHAT)).toMatchObject([
    { id, data: { text: "one" } },
    { amend: id, data: { text: "edited" } },
    { amend: id, erased: true },
  ]);
});

test("a publish of the application with the same key and id lands once", async () => {
  await using server = await startServer();
  const options = { key: "orders", id: "order-7" };
  const first = await server.carillon.publish(CHAT, { text: "paid" }, options);
  await expect(server.carillon.publish(CHAT, { text: "paid" }, options)).resolves.toEqual(first);
  await expect(server.carillon.publish(CHAT, { text: "late" }, options)).rejects.toMatchObject({ code: "id_reused" });
});

test("a publication with an expiry reads as erased afterwards", async () => {
  await using server = await startServer();
  await server.carillon.publish(CHAT, { text: "short" }, { expiresIn: 30 });
  await expect.poll(() => server.carillon.history(CHAT)).toMatchObject({ publications: [{ data: null }] });
});

test("data that does not satisfy the schema is refused with a sentence", async () => {
  await using server = await startServer();
  // @ts-expect-error The contract says text.
  const published = server.carillon.publish(CHAT, { txt: "one" });
  await expect(published).rejects.toThrow(/Data for "chat:lobby": at text/);
  await expect(published).rejects.toBeInstanceOf(CarillonError);
});

test("the application sets, compares and removes entries, and lists them", async () => {
  await using server = await startServer();
  const { carillon } = server;
  const version = await carillon.set("board:a", "x", 1);
  await expect(carillon.set("board:a", "x", 2, { expect: 0 })).rejects.toMatchObject({ code: "conflict", version });
  await carillon.set("board:a", "y", 2);
  await expect(carillon.entries("board:a")).resolves.toEqual(
    new Map([
      ["x", { key: "x", value: 1, version, at: expect.any(Number) as number, owner: null }],
      ["y", { key: "y", value: 2, version: version + 1, at: expect.any(Number) as number, owner: null }],
    ]),
  );
  await carillon.remove("board:a", "x");
  await expect(carillon.entries("board:a")).resolves.toMatchObject(new Map([["y", { value: 2 }]]));
});

test("the application sees who is here", async () => {
  await using server = await startServer();
  const peer = await server.enter("ada");
  await peer.ok({ cmd: "set", channel: "@presence:chat:lobby", data: { name: "Ada" } });
  await expect(server.carillon.presence(CHAT)).resolves.toMatchObject([{ user: "ada", info: { name: "Ada" } }]);
  await expect(server.carillon.presence("board:a")).rejects.toMatchObject({ code: "unknown_channel" });
});

test("the application subscribes and unsubscribes a user's sessions", async () => {
  await using server = await startServer();
  const peer = await server.enter("ada");
  server.carillon.subscribe("ada", CHAT);
  await expect(peer.next((message) => message["push"] === "subscribed")).resolves.toMatchObject({
    channel: CHAT,
    kind: "log",
    live: true,
  });
  expect(server.carillon.channels()).toEqual([CHAT]);
  await server.carillon.publish(CHAT, { text: "hello" });
  await peer.next((message) => message["push"] === "items");
  server.carillon.unsubscribe("ada", CHAT, "The room is closed.");
  await expect(peer.next((message) => message["push"] === "unsubscribed")).resolves.toMatchObject({
    channel: CHAT,
    message: "The room is closed.",
    retry: false,
  });
  expect(server.carillon.channels()).toEqual([]);
});

test("a connect hook subscribes each new session", async () => {
  await using server = await startServer({ connected: () => ({ subscribe: [CHAT, "board:a"] }), grant: () => false });
  const peer = await server.enter("ada");
  await peer.next((message) => message["push"] === "subscribed" && message["channel"] === "board:a");
  await server.carillon.publish(CHAT, { text: "welcome" });
  const push = await peer.next((message) => message["push"] === "items" && message["channel"] === CHAT);
  expect(push).toMatchObject({ items: [{ data: { text: "welcome" } }] });
});

test("the application disconnects a user and lists who is connected", async () => {
  await using server = await startServer();
  const [ada, bob] = [await server.enter("ada"), await server.enter("bob")];
  expect(server.carillon.users().sort()).toEqual(["ada", "bob"]);
  server.carillon.disconnect("ada", "See you.");
  await expect(ada.closed).resolves.toEqual({ code: 4501, reason: "See you." });
  await expect(bob.ok({ cmd: "ping" })).resolves.toEqual({});
  expect(server.carillon.users()).toEqual(["bob"]);
});

test("clearing a channel begins a new epoch: subscribers get a gap, then what is new", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await server.carillon.publish(CHAT, { text: "old" });
  await peer.ok({ cmd: "subscribe", channel: CHAT, history: 10 });
  await peer.next((message) => message["push"] === "live");
  await server.carillon.clear(CHAT);
  await expect(peer.next((message) => message["push"] === "gap")).resolves.toMatchObject({ reason: "epoch" });
  await server.carillon.publish(CHAT, { text: "new" });
  await peer.next((message) => JSON.stringify(message).includes("new"));
  expect(peer.items(CHAT)).toMatchObject([{ data: { text: "old" } }, { data: { text: "new" } }]);
});

test("a contract with calls needs a handler for each", async () => {
  const { createCarillon } = await import("../../src/index.ts");
  const { contract } = await import("../support.ts");
  const v = await import("valibot");
  // @ts-expect-error Calls are required to have handlers.
  expect(() => createCarillon({ contract, user: v.object({ id: v.string() }), calls: {} })).toThrow(/room\.create/);
});

test("what the application asks for before the backplane is open waits for it, in order", async () => {
  let open = (): void => {};
  const inner = memory();
  const slow: Backplane = {
    name: "slow",
    open: (context, done) => {
      open = () => inner.open(context, done);
    },
  };
  await using server = await startServer({ backplane: slow });
  const { carillon } = server;
  const published = Promise.all([carillon.publish(CHAT, { text: "one" }), carillon.publish(CHAT, { text: "two" })]);
  const page = carillon.history(CHAT);
  open();
  await published;
  await expect(page).resolves.toMatchObject({ publications: [{ data: { text: "one" } }, { data: { text: "two" } }] });
});

test("what the application asks for is refused with the reason if the backplane can't be opened, which is logged once at most", async () => {
  const problem = new Error("The folder is in use.");
  const logged: unknown[] = [];
  const logger = { ...SILENT_LOGGER, error: (...what: unknown[]) => void logged.push(what) };
  const broken: Backplane = { name: "broken", open: (_context, done) => done(problem) };
  await using server = await startServer({ backplane: broken, logger });
  await expect(server.carillon.publish(CHAT, { text: "one" })).rejects.toBe(problem);
  await expect(server.carillon.ready()).rejects.toBe(problem);
  expect(logged.length).toBeLessThanOrEqual(1);
});
