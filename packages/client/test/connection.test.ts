import { CarillonError, CLOSE_CODES } from "@carillon/protocol";
import { expect, test } from "vitest";
import { COMING_BACK, ENTRIES_LOST, LEAVE, PROTOCOL_ERROR, SILENCE, TICKET_REFUSED } from "../src/core/connection.ts";
import { SDK } from "../src/connect.ts";
import type { ConnectionChange } from "../src/index.ts";
import manifest from "../package.json" with { type: "json" };
import { refusal, welcome } from "./scripted-server.ts";
import { World } from "./world.ts";

test("connects with a ticket, alone in its frame, and has nothing to confirm", async () => {
  const world = new World();
  const client = world.connect({ contract: 3 });
  expect(client.state).toBe("connecting");
  await world.settle();
  expect(client.state).toBe("connected");
  expect(client.user).toBe("ada");
  expect(client.instance).toBe("i1");
  expect(world.end.frames[0]).toBe(
    `{"cmd":"connect","ticket":"t1","contract":3,"sdk":"carillon-js/${manifest.version}","id":1}`,
  );
  expect(world.end.commands).toHaveLength(1);
  expect(SDK).toBe(`carillon-js/${manifest.version}`);
});

test("the close codes that the client uses are those of the protocol", () => {
  expect({ COMING_BACK, SILENCE, ENTRIES_LOST, TICKET_REFUSED, PROTOCOL_ERROR, LEAVE }).toEqual({
    COMING_BACK: CLOSE_CODES.draining.code,
    SILENCE: CLOSE_CODES.heartbeat_missed.code,
    ENTRIES_LOST: CLOSE_CODES.entries_lost.code,
    TICKET_REFUSED: CLOSE_CODES.ticket_refused.code,
    PROTOCOL_ERROR: CLOSE_CODES.protocol_error.code,
    LEAVE: 1000,
  });
});

test("comes back within half a second with the resume credential, as the same instance", async () => {
  const world = new World();
  const client = world.connect();
  const changes: ConnectionChange[] = [];
  client.on("state", (change) => changes.push(change));
  await world.settle();
  world.end.close(1006);
  await world.settle();
  expect(client.state).toBe("connecting");
  await world.advance(500);
  expect(client.state).toBe("connected");
  expect(world.ends).toHaveLength(2);
  expect(world.end.sent("connect")[0]).toMatchObject({ resume: "r1" });
  // Confirms the next credential.
  expect(world.end.commands[1]).toEqual({ cmd: "pong" });
  expect(world.ticketsAsked).toBe(1);
  expect(changes.map(({ state, code }) => [state, code])).toEqual([
    ["connected", undefined],
    ["connecting", 1006],
    ["connected", undefined],
  ]);
});

test("a refused resume credential is given up for a ticket, and the instance is another", async () => {
  const world = new World({
    connect: ({ resume }, end) => {
      if (resume === undefined) return { ok: welcome({ instance: `i${world.ticketsAsked}` }) };
      end.reply(end.commands[0], refusal("resume_refused"));
      end.close(CLOSE_CODES.resume_refused.code);
      return null;
    },
  });
  const client = world.connect();
  await world.settle();
  expect(client.instance).toBe("i1");
  world.end.close();
  await world.advance(2000);
  expect(client.state).toBe("connected");
  expect(client.instance).toBe("i2");
});

test("three tickets refused in a row stop the client, and it says why", async () => {
  const world = new World({
    connect: (command, end) => {
      end.reply(command, refusal("ticket_refused"));
      end.close(CLOSE_CODES.ticket_refused.code, "The ticket was refused.");
      return null;
    },
  });
  const client = world.connect();
  const changes: ConnectionChange[] = [];
  client.on("state", (change) => changes.push(change));
  await world.advance(120_000);
  expect(client.state).toBe("disconnected");
  expect(world.ticketsAsked).toBe(3);
  expect(changes).toEqual([expect.objectContaining({ state: "disconnected", code: 4100 })]);
  expect(changes[0]?.error?.code).toBe("ticket_refused");
  expect(world.timers).toBe(0);
  expect(world.watchers).toBe(0);
});

test("a ticket that is taken in between starts the count of refusals anew", async () => {
  let count = 0;
  const world = new World({
    connect: (command, end) => {
      if (++count % 3 === 0) return { ok: welcome({ resume: undefined }) };
      end.reply(command, refusal("ticket_refused"));
      end.close(CLOSE_CODES.ticket_refused.code);
      return null;
    },
  });
  const client = world.connect();
  for (let round = 0; round < 3; round++) {
    await world.advance(60_000 - (world.nowMs % 60_000));
    world.end.push({ push: "heartbeat" });
    expect(client.state).toBe("connected");
    world.end.close();
  }
});

test("a supplier that fails is asked again; one that says retry: false stops the client", async () => {
  const world = new World();
  world.ticketAnswers.push(
    new Error("The network is away."),
    new CarillonError("forbidden", "Banned.", { retry: false }),
  );
  const client = world.connect();
  const errors: CarillonError[] = [];
  client.on("error", (error) => errors.push(error));
  await world.settle();
  expect(client.state).toBe("connecting");
  await world.advance(30_000);
  expect(client.state).toBe("disconnected");
  expect(errors.map(({ code, retry }) => [code, retry])).toEqual([
    ["ticket_refused", true],
    ["forbidden", false],
  ]);
  expect(world.ends).toHaveLength(0);
  expect(world.timers).toBe(0);
});

test("a supplier that never answers has failed after 30 s, and a late ticket is not used", async () => {
  const world = new World();
  world.ticketAnswers.push(null);
  const client = world.connect();
  await world.advance(29_999);
  expect(world.ticketsAsked).toBe(1);
  await world.advance(1000);
  expect(world.ticketsAsked).toBe(2);
  expect(client.state).toBe("connected");
});

test.each([
  ["a socket that never opens", { isReachable: false, isAnswering: true }],
  ["a connect that gets no reply", { isReachable: true, isAnswering: false }],
])("%s has failed after 10 s", async (_, { isReachable, isAnswering }) => {
  const world = new World(isAnswering ? {} : { connect: () => null });
  world.isReachable = isReachable;
  world.connect();
  await world.advance(9_999);
  expect(world.ends).toHaveLength(1);
  await world.advance(1);
  expect(world.ends[0]?.clientClosed?.code).toBe(SILENCE);
  await world.advance(500);
  expect(world.ends).toHaveLength(2);
});

test("a socket that can't even be made counts as a failed attempt", async () => {
  const world = new World();
  world.openError = new Error("SecurityError");
  const client = world.connect();
  const errors: CarillonError[] = [];
  client.on("error", (error) => errors.push(error));
  await world.advance(400);
  expect(errors[0]).toMatchObject({ code: "unavailable", cause: world.openError });
  world.openError = null;
  await world.advance(2000);
  expect(client.state).toBe("connected");
});

test.each([4000, 4001, 4003, 4004, 4005, 1001, 1006, 1011, 1012])("after close code %i it resumes", async (code) => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  world.end.close(code);
  await world.advance(1000);
  expect(client.state).toBe("connected");
  expect(world.end.sent("connect")[0]).toHaveProperty("resume");
});

test.each([4101, 4102, 4103, 4499])("after close code %i it takes a new ticket", async (code) => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  world.end.close(code);
  await world.advance(1000);
  expect(client.state).toBe("connected");
  expect(world.end.sent("connect")[0]).toMatchObject({ ticket: "t2" });
});

test.each([1000, 4500, 4501, 4502, 4503, 4504, 4505, 4999])("after close code %i it stays away", async (code) => {
  const world = new World();
  const client = world.connect();
  const errors: CarillonError[] = [];
  client.on("error", (error) => errors.push(error));
  await world.settle();
  world.end.close(code, "because");
  await world.advance(120_000);
  expect(client.state).toBe("disconnected");
  expect(world.ends).toHaveLength(1);
  expect(errors.map(({ message }) => message)).toEqual([`The server closed with ${code} because.`]);
  expect(world.timers).toBe(0);
});

test("waits as long as an overloaded server asks", async () => {
  let isFull = true;
  const world = new World({
    connect: (command, end) => {
      if (!isFull) return { ok: welcome() };
      end.reply(command, refusal("overloaded", { retry: true, retryAfterMs: 7000 }));
      end.close(CLOSE_CODES.overloaded.code);
      return null;
    },
  });
  const client = world.connect();
  await world.advance(6999);
  expect(world.ends).toHaveLength(1);
  isFull = false;
  await world.advance(600);
  expect(client.state).toBe("connected");
});

test("a server that ends every connection at once is met more and more rarely", async () => {
  const world = new World({
    connect: (_, end) => {
      end.close(CLOSE_CODES.failed.code);
      return { ok: welcome() };
    },
  });
  world.connect();
  await world.advance(10_000);
  const soon = world.ends.length;
  await world.advance(50_000);
  const later = world.ends.length - soon;
  expect(later).toBeGreaterThan(0);
  expect(later / 5).toBeLessThan(soon / 2);
  expect(world.ends.length).toBeLessThan(15);
});

test("leaves cleanly, answers nothing any more, and can connect again as another instance", async () => {
  const world = new World();
  const client = world.connect();
  await world.settle();
  client.disconnect();
  expect(client.state).toBe("disconnected");
  expect(world.end.clientClosed?.code).toBe(1000);
  expect(world.timers).toBe(0);
  expect(world.watchers).toBe(0);
  client.disconnect();
  client.connect();
  client.connect();
  await world.settle();
  expect(client.state).toBe("connected");
  expect(world.end.sent("connect")[0]).toMatchObject({ ticket: "t2" });
  expect(world.ends).toHaveLength(2);
});

test.each(["while a ticket is on its way", "while the socket opens", "while it waits to retry"])(
  "disconnecting %s leaves nothing behind",
  async (moment) => {
    const world = new World();
    if (moment.includes("ticket")) world.ticketAnswers.push(null);
    world.isReachable = false;
    const client = world.connect();
    await world.settle();
    if (moment.includes("retry")) world.end.close();
    await world.settle();
    client.disconnect();
    expect(world.timers).toBe(0);
    const { length } = world.ends;
    await world.advance(120_000);
    expect(world.ends).toHaveLength(length);
    expect(client.state).toBe("disconnected");
  },
);

test("a listener of a change may disconnect, and that counts", async () => {
  const world = new World();
  const client = world.connect();
  client.on("state", ({ state }) => {
    if (state !== "disconnected") client.disconnect();
  });
  await world.advance(5000);
  expect(client.state).toBe("disconnected");
  expect(world.timers).toBe(0);
  client.connect();
  expect(client.state).toBe("disconnected");
  expect(world.timers).toBe(0);
  expect(world.watchers).toBe(0);
});
