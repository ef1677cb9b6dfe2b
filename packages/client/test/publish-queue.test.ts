import { expect, test } from "vitest";
import { ids, outcomes, start } from "./publishing.ts";
import { EPOCH_MS, refusal, welcome } from "./scripted-server.ts";
import { World } from "./world.ts";

test("resolves with id, position and store time", async () => {
  const { world, lobby } = await start();
  const promise = lobby.publish(
    { text: "Hello" },
    { id: "p-1", tags: { lang: "en" }, meta: { trace: "1" }, expiresInMs: 5000 },
  );
  await world.settle();
  expect(await promise).toEqual({ id: "p-1", pos: "after-p-1", at: EPOCH_MS });
  expect(world.end.sent("publish")).toEqual([
    {
      cmd: "publish",
      channel: "chat:lobby",
      publication: "p-1",
      tags: { lang: "en" },
      meta: { trace: "1" },
      expiresInMs: 5000,
      id: 2,
      data: { text: "Hello" },
    },
  ]);
});

test("publications go out without waiting for each other, each with an id of its own", async () => {
  const { world, lobby } = await start({ publish: () => null });
  for (let n = 0; n < 5; n++) void lobby.publish(n).catch(() => {});
  await world.settle();
  const sent = world.end.sent("publish");
  expect(sent.map(({ data }) => data)).toEqual([0, 1, 2, 3, 4]);
  expect(new Set(ids(sent)).size).toBe(5);
  for (const id of ids(sent)) expect(id).toMatch(/^[\x21-\x7e]{1,64}$/);
});

test("what is published while offline waits, and goes out in order", async () => {
  const world = new World();
  world.isReachable = false;
  const client = world.connect();
  const lobby = client.channel("chat:lobby");
  const seen = outcomes(
    lobby.publish(1, { id: "a" }),
    lobby.publish(2, { id: "b" }),
    lobby.erase("a").then(() => ({ id: "c" })),
  );
  await world.settle();
  world.end.close();
  await world.settle();
  world.isReachable = true;
  await world.advance(500);
  expect(world.end.names).toEqual(["connect", "publish", "publish", "amend"]);
  expect(world.end.sent("amend")[0]).toMatchObject({ publication: "a", erased: true });
  expect(seen).toEqual(["a", "b", "c"]);
  expect(world.end.sent("publish")[0]).not.toHaveProperty("resend");
});

test("what is not confirmed goes out again after a reconnect, in order, marked with its first attempt", async () => {
  const { world, lobby } = await start({ publish: () => null });
  await world.advance(1000);
  const seen = outcomes(lobby.publish(1, { id: "a" }), lobby.publish(2, { id: "b" }));
  await world.settle();
  world.end.close();
  await world.settle();
  const third = outcomes(lobby.publish(3, { id: "c" }));
  world.script = {};
  await world.advance(500);
  const [a, b, c] = world.end.sent("publish");
  expect(ids(world.end.sent("publish"))).toEqual(["a", "b", "c"]);
  expect(a).toMatchObject({ data: 1, resend: { epoch: "e1", at: EPOCH_MS + 1000 } });
  expect(b).toMatchObject({ data: 2, resend: { epoch: "e1", at: EPOCH_MS + 1000 } });
  expect(c).not.toHaveProperty("resend");
  expect([...seen, ...third]).toEqual(["a", "b", "c"]);
});

test.each([
  ["the idempotency epoch has changed", { idempotency: { windowMs: 120_000, epoch: "e2" } }],
  ["the client is another instance", { instance: "i2" }],
  ["the server's clock says that the window is over", { time: EPOCH_MS + 120_000 }],
  ["the window is shorter than the absence", { idempotency: { windowMs: 200, epoch: "e1" } }],
])("an attempted publish is uncertain and not sent when %s; the next goes out", async (_, changes) => {
  const { world, lobby } = await start({ publish: () => null });
  const seen = outcomes(lobby.publish(1, { id: "a" }));
  await world.settle();
  world.end.close();
  await world.settle();
  const second = outcomes(lobby.publish(2, { id: "b" }));
  world.script = { connect: () => ({ ok: welcome(changes) }) };
  await world.advance(500);
  expect(seen).toEqual(["uncertain"]);
  expect(second).toEqual(["b"]);
  expect(ids(world.end.sent("publish"))).toEqual(["b"]);
});

test("a publish that was never attempted does not become uncertain, however long it waits", async () => {
  const world = new World();
  world.isReachable = false;
  const seen = outcomes(world.connect().channel("chat:lobby").publish(1, { id: "a" }));
  await world.advance(600_000);
  world.isReachable = true;
  await world.advance(60_000);
  expect(seen).toEqual(["a"]);
});

test("a later attempt that is refused ends as uncertain: the first may have been taken", async () => {
  const { world, lobby } = await start({ publish: () => null });
  const seen = outcomes(lobby.publish(1));
  await world.settle();
  world.script = { ...world.script, publish: () => refusal("forbidden") };
  world.end.close();
  await world.advance(500);
  expect(world.ends).toHaveLength(2);
  expect(seen).toEqual(["uncertain"]);
});

test("a first attempt that is refused ends with the server's own code", async () => {
  const { world, lobby } = await start({ publish: () => refusal("forbidden") });
  const seen = outcomes(lobby.publish(1));
  await world.settle();
  expect(seen).toEqual(["forbidden"]);
});

test("what the server can't know any more ends as uncertain", async () => {
  const { world, lobby } = await start({ publish: () => refusal("epoch_changed") });
  const seen = outcomes(lobby.publish(1));
  await world.settle();
  expect(seen).toEqual(["uncertain"]);
});

test("a refusal that is final rejects, and the next go on", async () => {
  const { world, lobby } = await start({
    publish: ({ publication }) => (publication === "bad" ? refusal("invalid_data") : { ok: { pos: "p", at: 1 } }),
  });
  const seen = outcomes(lobby.publish(1, { id: "a" }), lobby.publish(2, { id: "bad" }), lobby.publish(3, { id: "c" }));
  await world.settle();
  expect(seen).toEqual(["a", "invalid_data", "c"]);
});

test("after a failure that may pass, all are sent again in order, and none overtakes", async () => {
  const accepted: unknown[] = [];
  let isFailing = true;
  let blockedBy: unknown = null;
  const { world, lobby } = await start({
    publish: ({ publication }) => {
      if (publication === "b" && isFailing) {
        blockedBy = publication;
        return refusal("unavailable", { retry: true });
      }
      if (blockedBy === publication) blockedBy = null;
      if (blockedBy !== null) return refusal("out_of_order", { retry: true });
      accepted.push(publication);
      return { ok: { pos: "p", at: 1 } };
    },
  });
  const seen = outcomes(...["a", "b", "c", "d"].map((id) => lobby.publish(id, { id })));
  await world.settle();
  expect(accepted).toEqual(["a"]);
  outcomes(lobby.publish("e", { id: "e" }));
  await world.settle();
  expect(ids(world.end.sent("publish"))).toEqual(["a", "b", "c", "d"]);
  isFailing = false;
  await world.advance(500);
  expect(accepted).toEqual(["a", "b", "c", "d", "e"]);
  expect(seen).toEqual(["a", "b", "c", "d"]);
  const again = world.end.sent("publish").slice(4);
  expect(again[0]).toHaveProperty("resend");
  expect(again[1]).not.toHaveProperty("resend");
});

test("nothing is sent again before all replies of the channel are in", async () => {
  const { world, lobby } = await start({
    publish: ({ publication }) => (publication === "a" ? refusal("unavailable", { retry: true }) : null),
  });
  outcomes(lobby.publish(1, { id: "a" }), lobby.publish(2, { id: "b" }));
  await world.settle();
  const [, b] = world.end.sent("publish");
  await world.advance(2000);
  expect(world.end.sent("publish")).toHaveLength(2);
  world.script = {};
  world.end.reply(b, refusal("out_of_order", { retry: true }));
  await world.advance(2000);
  expect(ids(world.end.sent("publish")).slice(2)).toEqual(["a", "b"]);
});

test("waits as long as the server asks, and other channels do not wait with it", async () => {
  let isFull = true;
  const { world, client, lobby } = await start({
    publish: ({ channel }) =>
      isFull && channel === "chat:lobby"
        ? refusal("limit_exceeded", { retry: true, retryAfterMs: 3000 })
        : { ok: { pos: "p", at: 1 } },
  });
  const slow = outcomes(lobby.publish(1, { id: "a" }));
  const fast = outcomes(client.channel("chat:other").publish(1, { id: "b" }));
  await world.advance(2999);
  isFull = false;
  expect(fast).toEqual(["b"]);
  expect(slow).toEqual([]);
  await world.advance(1);
  expect(slow).toEqual(["a"]);
});

test("a pause for a retry ends with its connection", async () => {
  const { world, lobby } = await start({
    publish: () => refusal("unavailable", { retry: true, retryAfterMs: 60_000 }),
  });
  const seen = outcomes(lobby.publish(1, { id: "a" }));
  await world.settle();
  world.script = {};
  world.end.close();
  await world.advance(500);
  expect(seen).toEqual(["a"]);
});

test("an attempted publish that fails until the window is over is uncertain", async () => {
  const { world, lobby } = await start({ publish: () => refusal("unavailable", { retry: true }) });
  const seen = outcomes(lobby.publish(1, { id: "a" }));
  for (let second = 0; second < 200; second++) {
    world.end.push({ push: "heartbeat" });
    await world.advance(1000);
  }
  expect(seen).toEqual(["uncertain"]);
});
