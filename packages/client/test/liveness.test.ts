import type { CarillonError } from "@carillon/protocol";
import { expect, test } from "vitest";
import { refusal, welcome } from "./scripted-server.ts";
import { World } from "./world.ts";

test("answers every heartbeat with a pong", async () => {
  const world = new World();
  world.connect();
  await world.settle();
  world.end.push({ push: "heartbeat" });
  world.end.push({ push: "heartbeat" });
  await world.settle();
  expect(world.end.sent("pong")).toHaveLength(2);
});

test("silence of one and a half heartbeats ends the connection; anything heard counts", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  await world.advance(30_000);
  world.end.push({ push: "confetti" });
  await world.advance(37_000);
  expect(client.state).toBe("connected");
  await world.advance(500);
  expect(world.ends[0]?.clientClosed?.code).toBe(4002);
  await world.advance(500);
  expect(world.ends).toHaveLength(2);
  expect(client.state).toBe("connected");
});

test("a machine that slept longer than that reconnects at once, without waiting for an answer", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  world.sleep(3_600_000);
  world.befall("visible");
  expect(client.state).toBe("connecting");
  expect(world.ends[0]?.clientClosed?.code).toBe(4002);
  await world.advance(500);
  expect(client.state).toBe("connected");
  expect(world.ends).toHaveLength(2);
});

test.each(["visible", "online", "pageshow", "resume", "offline"] as const)(
  "on %s a silent connection is asked, and given up after 4 s without an answer",
  async (event) => {
    const world = new World();
    const client = world.connect();
    await world.settle();
    world.end.isAnswering = false;
    world.befall(event);
    world.befall(event);
    await world.advance(3999);
    expect(world.end.sent("ping")).toHaveLength(1);
    expect(client.state).toBe("connected");
    await world.advance(1);
    expect(client.state).toBe("connecting");
    expect(world.ends[0]?.clientClosed?.code).toBe(4002);
  },
);

test("a connection that answers the question stays, whatever the network is said to be", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  for (const event of ["offline", "online", "visible"] as const) {
    world.befall(event);
    await world.advance(5000);
  }
  expect(client.state).toBe("connected");
  expect(world.ends).toHaveLength(1);
  expect(world.end.sent("ping")).toHaveLength(3);
});

test("while offline it tries rarely, and within half a second when online again", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  world.befall("offline");
  world.end.close();
  await world.settle();
  await world.advance(9_999);
  expect(world.ends).toHaveLength(1);
  world.isReachable = false;
  await world.advance(12_000);
  expect(world.ends).toHaveLength(2);
  world.end.close();
  await world.settle();
  world.isReachable = true;
  world.befall("online");
  await world.advance(500);
  expect(client.state).toBe("connected");
});

test("a tab that comes to the front does not wait for a long backoff", async () => {
  const world = new World();
  world.chance = 0.99;
  const client = world.connect();
  await world.settle();
  for (let attempt = 0; attempt < 6; attempt++) {
    world.isReachable = false;
    world.end.close();
    await world.advance(16_000);
  }
  const { length } = world.ends;
  world.end.close();
  await world.settle();
  world.isReachable = true;
  world.befall("visible");
  await world.advance(500);
  expect(world.ends).toHaveLength(length + 1);
  expect(client.state).toBe("connected");
});

test.each([
  ["pagehide", "pageshow"],
  ["freeze", "resume"],
] as const)("after %s there is no socket and no timer, after %s it resumes", async (away, back) => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  world.befall(away);
  await world.settle();
  expect(world.end.clientClosed?.code).toBe(4000);
  expect(client.state).toBe("connecting");
  expect(world.timers).toBe(0);
  await world.advance(600_000);
  expect(world.ends).toHaveLength(1);
  world.befall(back);
  await world.advance(500);
  expect(client.state).toBe("connected");
  expect(world.end.sent("connect")[0]).toHaveProperty("resume");
});

test("a page that goes away in the middle of an attempt does not go on with it", async () => {
  const world = new World();
  world.ticketAnswers.push("late");
  const client = world.connect();
  world.befall("pagehide");
  await world.advance(60_000);
  expect(world.ends).toHaveLength(0);
  world.befall("pageshow");
  await world.advance(500);
  expect(client.state).toBe("connected");
});

test("a page that hears of a lost network while it is suspended comes back all the same when it runs again", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  world.befall("freeze");
  world.befall("offline");
  await world.settle();
  expect(world.timers).toBe(0);
  world.befall("resume");
  world.befall("online");
  await world.advance(500);
  expect(client.state).toBe("connected");
});

test("a page that ends for good leaves cleanly", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  world.befall("unload");
  expect(world.end.clientClosed?.code).toBe(1000);
  expect(client.state).toBe("disconnected");
});

test("a draining node is used until its delay is over, and then left at once", async () => {
  const world = new World();
  const client = world.connect();
  await world.advance(10_000);
  world.end.push({ push: "drain", delayMs: 3000 });
  await world.advance(2999);
  expect(world.ends).toHaveLength(1);
  expect(client.state).toBe("connected");
  await world.advance(1);
  expect(world.ends[0]?.clientClosed?.code).toBe(4000);
  expect(world.ends).toHaveLength(2);
  expect(client.state).toBe("connected");
  expect(world.end.sent("connect")[0]).toHaveProperty("resume");
});

test("nodes that leave one after the other are each left at once", async () => {
  const world = new World();
  const client = world.connect();
  for (let node = 1; node <= 5; node++) {
    await world.advance(1000);
    world.end.push({ push: "drain", delayMs: 1000 });
    await world.advance(1000);
    expect(world.ends).toHaveLength(node + 1);
    expect(client.state).toBe("connected");
  }
});

test("a cluster that drains everybody at once is not met with a storm", async () => {
  const world = new World({
    connect: (_, end) => {
      end.push({ push: "drain", delayMs: 0 });
      return { ok: welcome() };
    },
  });
  world.connect();
  await world.advance(60_000);
  expect(world.ends.length).toBeLessThan(15);
});

test("refreshes at 80 % of the lifetime, with a new ticket, on the same connection", async () => {
  const world = new World({
    connect: () => ({ ok: welcome({ lifetimeMs: 10_000 }) }),
    refresh: () => ({ ok: { lifetimeMs: 20_000 } }),
  });
  world.connect();
  await world.advance(7_999);
  expect(world.ticketsAsked).toBe(1);
  await world.advance(1);
  expect(world.end.sent("refresh")).toEqual([expect.objectContaining({ ticket: "t2" })]);
  await world.advance(15_999);
  expect(world.end.sent("refresh")).toHaveLength(1);
  await world.advance(1);
  expect(world.end.sent("refresh")).toHaveLength(2);
  expect(world.ends).toHaveLength(1);
});

test("a refresh that fails is tried again before the session ends", async () => {
  let refreshes = 0;
  const world = new World({
    connect: () => ({ ok: welcome({ lifetimeMs: 100_000, heartbeatMs: 1_000_000 }) }),
    refresh: () => (++refreshes < 2 ? refusal("ticket_refused") : { ok: { lifetimeMs: 100_000 } }),
  });
  const client = world.connect();
  const errors: CarillonError[] = [];
  client.on("error", (error) => errors.push(error));
  await world.settle();
  world.ticketAnswers.push(new Error("away"), "second", "third");
  await world.advance(80_000);
  expect(errors).toHaveLength(1);
  await world.advance(10_000);
  expect(errors).toHaveLength(2);
  expect(refreshes).toBe(1);
  await world.advance(10_000);
  expect(refreshes).toBe(2);
  expect(errors).toHaveLength(2);
});

test("a ticket for a refresh that comes after the connection broke is not used", async () => {
  const world = new World({ connect: () => ({ ok: welcome({ lifetimeMs: 10_000 }) }) });
  world.connect();
  await world.advance(7_999);
  world.ticketAnswers.push(null);
  await world.advance(1);
  world.end.close();
  await world.advance(500);
  expect(world.ends).toHaveLength(2);
  expect(world.ends.flatMap((end) => end.sent("refresh"))).toHaveLength(0);
});

test("an absurd lifetime or heartbeat does not become a storm", async () => {
  const world = new World({
    connect: () => ({ ok: welcome({ lifetimeMs: 1, heartbeatMs: -5 }) }),
    refresh: () => ({ ok: { lifetimeMs: 0.001 } }),
  });
  world.connect();
  await world.advance(1000);
  expect(world.ticketsAsked).toBeLessThan(4);
  expect(world.ends).toHaveLength(1);
});

test("what follows in a frame in whose middle a listener disconnects counts no more", async () => {
  const world = new World();
  const client = world.connect();
  const lobby = client.channel("chat:lobby");
  lobby.on("publication", () => client.disconnect());
  await world.settle();
  const items = { push: "items", channel: "chat:lobby", prev: "p0", pos: "p1", items: [{ id: "a", at: 1, data: 1 }] };
  world.end.push(items, { push: "drain", delayMs: 60_000 });
  await world.settle();
  expect(client.state).toBe("disconnected");
  expect(world.timers).toBe(0);
});
