import { encodeRecord } from "@carillon/protocol";
import { expect, test } from "vitest";
import { startServer } from "../support.ts";

const CHAT = "chat:lobby";
const publish = (publication: string, text: string, more: object = {}): Record<string, unknown> => ({
  cmd: "publish",
  channel: CHAT,
  publication,
  data: { text },
  ...more,
});

test("a subscriber gets publications from its position on, in order, each linked to the one before", async () => {
  await using server = await startServer();
  const [writer, reader] = [await server.enter("ada"), await server.enter("bob")];
  const { pos, live } = await reader.ok({ cmd: "subscribe", channel: CHAT });
  expect(live).toBe(true);
  await writer.ok(publish("p1", "one"));
  const second = await writer.ok(publish("p2", "two"));
  await reader.next((message) => message["pos"] === second["pos"]);
  const pushes = reader.received.filter((message) => message["push"] === "items");
  expect(pushes[0]).toMatchObject({
    prev: pos,
    items: [{ id: "p1", publisher: { user: "ada" }, data: { text: "one" } }],
  });
  expect(pushes[1]).toMatchObject({ prev: pushes[0]?.["pos"], pos: second["pos"] });
});

test("who comes back with a position gets exactly what came after it", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await peer.ok(publish("p1", "one"));
  const { pos } = await peer.ok(publish("p2", "two"));
  await peer.ok(publish("p3", "three"));
  await expect(peer.ok({ cmd: "subscribe", channel: CHAT, position: pos })).resolves.toMatchObject({
    pos,
    live: false,
  });
  await peer.next((message) => message["push"] === "live");
  expect(peer.items(CHAT)).toMatchObject([{ id: "p3" }]);
});

test("history: n starts a subscription n publications back", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  for (const id of ["p1", "p2", "p3"]) await peer.ok(publish(id, id));
  await peer.ok({ cmd: "subscribe", channel: CHAT, history: 2 });
  await peer.next((message) => message["push"] === "live");
  expect(peer.items(CHAT)).toMatchObject([{ id: "p2" }, { id: "p3" }]);
});

test("an unreadable position gets one gap, then what is retained", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await peer.ok(publish("p1", "one"));
  await peer.ok({ cmd: "subscribe", channel: CHAT, position: "nonsense" });
  await peer.next((message) => message["push"] === "live");
  expect(peer.received.filter((message) => message["push"] === "gap")).toMatchObject([
    { from: "nonsense", reason: "unreadable" },
  ]);
  expect(peer.items(CHAT)).toMatchObject([{ id: "p1" }]);
});

test("a repeated publication gets the first answer and is stored once", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  const first = await peer.ok(publish("p1", "one"));
  await expect(peer.ok(publish("p1", "one"))).resolves.toEqual(first);
  await expect(peer.refused(publish("p1", "two"))).resolves.toBe("id_reused");
  await expect(server.carillon.history(CHAT)).resolves.toMatchObject({
    publications: [{ id: "p1", data: { text: "one" } }],
  });
});

test("a repetition under another idempotency epoch is not appended", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  const resend = { epoch: "another", at: Date.now() };
  await expect(peer.refused(publish("p1", "one", { resend }))).resolves.toBe("epoch_changed");
  await expect(server.carillon.history(CHAT)).resolves.toMatchObject({ publications: [] });
});

test("an edit reaches subscribers in order and history in place; an erasure leaves nothing to read", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await peer.ok({ cmd: "subscribe", channel: CHAT });
  await peer.ok(publish("p1", "one"));
  await peer.ok({ cmd: "amend", channel: CHAT, publication: "p1", amendment: "a1", data: { text: "edited" } });
  await expect(peer.ok({ cmd: "history", channel: CHAT, limit: 10 })).resolves.toMatchObject({
    items: [{ id: "p1", data: { text: "edited" } }],
  });
  const { pos } = await peer.ok({ cmd: "amend", channel: CHAT, publication: "p1", amendment: "a2", erased: true });
  await peer.next((message) => message["pos"] === pos && "push" in message);
  expect(peer.items(CHAT)).toMatchObject([
    { id: "p1" },
    { amend: "p1", data: { text: "edited" } },
    { amend: "p1", erased: true },
  ]);
  const again = await server.enter("bob");
  await again.ok({ cmd: "subscribe", channel: CHAT, history: 10 });
  await again.next((message) => message["push"] === "live");
  expect(JSON.stringify(again.received)).not.toContain("edited");
});

test("own publications may be amended with a grant for own ones, others not", async () => {
  await using server = await startServer();
  const [ada, bob] = [await server.enter("ada"), await server.enter("bob")];
  await ada.ok(publish("p1", "one"));
  const amend = { cmd: "amend", channel: CHAT, publication: "p1", amendment: "b1", data: { text: "mine now" } };
  await expect(bob.refused(amend)).resolves.toBe("not_owner");
  await expect(bob.refused({ ...amend, publication: "p9" })).resolves.toBe("unknown_publication");
});

test("history is read in pages, newest first, without hole or repetition at the border", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  for (let index = 0; index < 5; index++) await peer.ok(publish(`p${index}`, "text"));
  const newest = await peer.ok({ cmd: "history", channel: CHAT, limit: 3 });
  const older = await peer.ok({ cmd: "history", channel: CHAT, limit: 3, before: newest["prev"] });
  expect(newest).toMatchObject({ more: true, items: [{ id: "p2" }, { id: "p3" }, { id: "p4" }] });
  expect(older).toMatchObject({ more: false, items: [{ id: "p0" }, { id: "p1" }] });
});

test("bytes travel as bytes, in pushes and in history", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await peer.ok({ cmd: "subscribe", channel: "files:a" });
  const body = Uint8Array.from([0, 1, 2, 255]);
  const head = JSON.stringify({ cmd: "publish", id: 77, channel: "files:a", publication: "f1", bytes: 4 });
  peer.socket.send(encodeRecord(head, [body]));
  await peer.next((message) => message["re"] === 77 && "ok" in message);
  await peer.next((message) => message["push"] === "items");
  expect(peer.items("files:a")).toMatchObject([{ id: "f1", bytes: 4 }]);
  await expect(server.carillon.history("files:a")).resolves.toMatchObject({
    publications: [{ data: Buffer.from(body) }],
  });
});

test("compare-and-set refuses an entry that has another version, and says which", async () => {
  await using server = await startServer({ grant: () => ({ subscribe: true, set: "any" }) });
  const peer = await server.enter();
  const set = { cmd: "set", channel: "board:a", key: "x" };
  await peer.ok({ ...set, data: 1, expect: 0 });
  const { version } = await peer.ok({ ...set, data: 2 });
  await expect(peer.ask({ ...set, data: 3, expect: 0 })).resolves.toMatchObject({
    error: { code: "conflict", version },
  });
  await peer.ok({ ...set, data: 3, expect: version });
});

test("an entry belongs to the instance that set it, and ends with it", async () => {
  await using server = await startServer({ limits: { graceMs: 50 } });
  const [ada, bob] = [await server.enter("ada"), await server.enter("bob")];
  await bob.ok({ cmd: "subscribe", channel: "@presence:chat:lobby" });
  await ada.ok({ cmd: "set", channel: "@presence:chat:lobby", data: { name: "Ada" } });
  const joined = await bob.next((message) => message["push"] === "items" && JSON.stringify(message).includes("Ada"));
  const [{ key }] = joined["items"] as [{ key: string }];
  await expect(bob.refused({ cmd: "set", channel: "@presence:chat:lobby", key, data: { name: "Eve" } })).resolves.toBe(
    "forbidden",
  );
  await expect(bob.refused({ cmd: "remove", channel: "@presence:chat:lobby", key })).resolves.toBe("not_owner");
  ada.socket.terminate();
  await bob.next((message) => JSON.stringify(message).includes('"removed":true'));
});

test("an entry with a TTL ends by itself", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await peer.ok({ cmd: "subscribe", channel: "typing:a" });
  await peer.ok({ cmd: "set", channel: "typing:a", data: { name: "Ada" } });
  const ended = await peer.next((message) => JSON.stringify(message).includes('"removed":true'));
  expect(ended).toMatchObject({ push: "items", items: [{ removed: true }] });
});

test("a call is validated on the way in and answered with its output", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await expect(peer.ok({ cmd: "call", name: "room.create", input: { title: "Tower" } })).resolves.toEqual({
    output: { room: "tower" },
  });
  await expect(peer.refused({ cmd: "call", name: "room.create", input: { title: 7 } })).resolves.toBe("invalid_data");
  await expect(peer.refused({ cmd: "call", name: "room.burn", input: {} })).resolves.toBe("unknown_call");
});

test.each([
  ["unknown_channel", { cmd: "subscribe", channel: "nowhere:x" }],
  ["unknown_channel", { cmd: "subscribe", channel: "@presence:board:a" }],
  ["wrong_kind", { cmd: "publish", channel: "board:a", publication: "p", data: 1 }],
  ["wrong_kind", { cmd: "set", channel: CHAT, data: { text: "x" } }],
  ["invalid_data", publish("p", "x".repeat(101))],
  ["not_subscribed", { cmd: "unsubscribe", channel: CHAT }],
  ["not_connected", { cmd: "connect", ticket: "t_x" }],
])("%s: %j", async (code, command) => {
  await using server = await startServer();
  const peer = await server.enter();
  await expect(peer.refused(command)).resolves.toBe(code);
});

test("subscribing twice is refused, and leaves the first subscription as it was", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await peer.ok({ cmd: "subscribe", channel: CHAT });
  await expect(peer.refused({ cmd: "subscribe", channel: CHAT })).resolves.toBe("already_subscribed");
  await peer.ok(publish("p1", "one"));
  await peer.next((message) => message["push"] === "items");
  await peer.ok({ cmd: "ping" });
  expect(peer.received.filter((message) => message["push"] === "items")).toMatchObject([{ items: [{ id: "p1" }] }]);
});

test("nothing of a channel follows the reply to unsubscribe", async () => {
  await using server = await startServer();
  const peer = await server.enter();
  await peer.ok({ cmd: "subscribe", channel: CHAT });
  const commands = [publish("p1", "one"), { cmd: "unsubscribe", channel: CHAT }, publish("p2", "two")];
  peer.socket.send(commands.map((command, index) => JSON.stringify({ ...command, id: 90 + index })).join("\n"));
  await peer.next((message) => message["re"] === 92);
  await peer.ok({ cmd: "ping" });
  const left = peer.received.findIndex((message) => message["re"] === 91);
  expect(peer.received.slice(left).filter((message) => message["channel"] === CHAT)).toEqual([]);
});
