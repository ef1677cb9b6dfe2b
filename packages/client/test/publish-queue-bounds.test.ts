import { expect, test } from "vitest";
import { ids, outcomes, start } from "./publishing.ts";
import { welcome } from "./scripted-server.ts";
import { World } from "./world.ts";

test("the queue is bounded by count and by bytes", async () => {
  const world = new World();
  world.isReachable = false;
  const few = world.connect({ publishQueue: { publicationsMax: 2 } }).channel("chat:lobby");
  const seen = outcomes(few.publish(1), few.publish(2), few.publish(3));
  await world.settle();
  expect(seen).toEqual(["queue_full"]);
  const small = world.connect({ publishQueue: { bytesMax: 10_000 } }).channel("chat:lobby");
  const fits = outcomes(
    small.publish("é".repeat(2000)),
    small.publish("é".repeat(2000)),
    small.publish(new Uint8Array(5000)),
  );
  const rest = outcomes(small.publish("é".repeat(500)));
  await world.settle();
  expect(fits).toEqual(["queue_full"]);
  expect(rest).toEqual([]);
});

test("room in the queue comes back with each confirmation", async () => {
  const world = new World();
  const lobby = world.connect({ publishQueue: { publicationsMax: 1, bytesMax: 300 } }).channel("chat:lobby");
  await world.settle();
  const seen: string[] = [];
  for (let n = 0; n < 10; n++) {
    const outcome = outcomes(lobby.publish(n, { id: `p${n}` }));
    await world.settle();
    seen.push(...outcome);
  }
  expect(seen).toEqual(Array.from({ length: 10 }, (_, n) => `p${n}`));
});

test("a signal gives up what was not sent, and nothing else", async () => {
  const world = new World({ publish: () => null });
  world.isReachable = false;
  const lobby = world.connect().channel("chat:lobby");
  const early = new AbortController();
  const late = new AbortController();
  const seen = outcomes(
    lobby.publish(1, { id: "a", signal: early.signal }),
    lobby.publish(2, { id: "b", signal: late.signal }),
    lobby.publish(3, { id: "c", signal: AbortSignal.abort() }),
  );
  early.abort();
  await world.settle();
  expect(seen).toEqual(["aborted", "aborted"]);
  world.end.close();
  world.isReachable = true;
  await world.advance(500);
  late.abort();
  await world.settle();
  expect(ids(world.end.sent("publish"))).toEqual(["b"]);
  world.end.reply(world.end.sent("publish")[0], { ok: { pos: "p", at: 1 } });
  await world.settle();
  expect(seen).toEqual(["aborted", "aborted", "b"]);
});

test("disconnecting ends what waits: uncertain if it was attempted", async () => {
  const { world, client, lobby } = await start({ publish: () => null });
  const seen = outcomes(lobby.publish(1));
  await world.settle();
  world.end.close();
  await world.settle();
  const waiting = outcomes(lobby.publish(2));
  client.disconnect();
  const refused = outcomes(lobby.publish(3));
  await world.settle();
  expect(seen).toEqual(["uncertain"]);
  expect(waiting).toEqual(["disconnected"]);
  expect(refused).toEqual(["disconnected"]);
  expect(world.timers).toBe(0);
});

test("one that is larger than the server takes is rejected here: sent, it would end the connection for good", async () => {
  const { world, lobby } = await start({
    connect: () => ({ ok: welcome({ limits: { messageBytes: 1000, channels: 1, historyPage: 1 } }) }),
  });
  const seen = outcomes(
    lobby.publish("x".repeat(1000)),
    lobby.publish("é".repeat(480)),
    lobby.publish(new Uint8Array(950)),
    lobby.publish("é".repeat(400), { id: "fits" }),
  );
  await world.settle();
  expect(seen).toEqual(["too_large", "too_large", "too_large", "fits"]);
});

test("the data is that of the moment of the call, whatever becomes of it", async () => {
  const world = new World();
  world.isReachable = false;
  const lobby = world.connect().channel("chat:lobby");
  const data = { text: "before" };
  const bytes = new Uint8Array([1, 2, 3]);
  const seen = outcomes(lobby.publish(data, { id: "a" }), lobby.publish(bytes, { id: "b" }));
  data.text = "after";
  bytes.fill(9);
  await world.settle();
  world.end.open();
  await world.settle();
  const [json, binary] = world.end.sent("publish");
  expect(json).toMatchObject({ data: { text: "before" } });
  expect(binary).toMatchObject({ bytes: 3 });
  expect(world.end.bodies.get(binary?.id ?? 0)).toEqual(new Uint8Array([1, 2, 3]));
  expect(seen).toEqual(["a", "b"]);
});

test.each([
  ["nothing", undefined],
  ["a function", () => {}],
  ["a bigint", 1n],
])("%s can't be published", async (_, data) => {
  const { lobby } = await start();
  await expect(lobby.publish(data)).rejects.toMatchObject({ code: "invalid_data" });
  const cycle: unknown[] = [];
  cycle.push(cycle);
  await expect(lobby.publish(cycle)).rejects.toMatchObject({ code: "invalid_data" });
});

test("a reply without a position is no confirmation", async () => {
  const { world, lobby } = await start({ publish: () => ({ ok: {} }) });
  const seen = outcomes(lobby.publish(1));
  await world.settle();
  expect(seen).toEqual(["bad_message"]);
});
