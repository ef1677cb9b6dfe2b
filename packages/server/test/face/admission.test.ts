import { expect, test } from "vitest";
import type { Backplane, ControlMessage } from "@carillon/server/backplane";
import { memory } from "@carillon/server";
import { Peer, startServer } from "../support.ts";

const CHAT = "chat:lobby";

test("a ticket lets in once", async () => {
  await using server = await startServer();
  const ticket = await server.ticket();
  const [first, second] = [await server.open(), await server.open()];
  await first.ok({ cmd: "connect", ticket });
  await expect(second.refused({ cmd: "connect", ticket })).resolves.toBe("ticket_refused");
  await expect(second.closed).resolves.toMatchObject({ code: 4100 });
});

test("a ticket that is bound to an address or origin lets nobody else in", async () => {
  await using server = await startServer({ origins: ["https://app.example.com", "https://other.example.com"] });
  const issue = (bound: object): Promise<string> => server.carillon.tickets.issue({ user: { id: "ada" }, ...bound });
  const elsewhere = await server.open();
  await expect(elsewhere.refused({ cmd: "connect", ticket: await issue({ ip: "10.1.2.3" }) })).resolves.toBe(
    "ticket_refused",
  );
  const foreign = await server.open({ origin: "https://other.example.com" });
  const ticket = await issue({ origin: "https://app.example.com" });
  await expect(foreign.refused({ cmd: "connect", ticket })).resolves.toBe("ticket_refused");
  const right = await server.open({ origin: "https://app.example.com" });
  await right.ok({ cmd: "connect", ticket: await issue({ origin: "https://app.example.com", ip: "127.0.0.1" }) });
});

test("a page of an origin that is not listed is refused at the upgrade", async () => {
  await using server = await startServer({ origins: ["https://app.example.com"] });
  await expect(server.open({ origin: "https://app.example.com.evil.com" })).rejects.toThrow("403");
});

test("an upgrade without the subprotocol is refused with a sentence", async () => {
  await using server = await startServer();
  await expect(Peer.open(`${server.url}/realtime`, {}, "chat")).rejects.toThrow("400");
});

test("a resume credential brings the instance back and is replaced by the next", async () => {
  await using server = await startServer();
  const peer = await server.open();
  const first = await peer.ok({ cmd: "connect", ticket: await server.ticket() });
  peer.socket.terminate();
  const back = await server.open();
  const second = await back.ok({ cmd: "connect", resume: first["resume"] });
  expect(second["instance"]).toBe(first["instance"]);
  expect(second["resume"]).not.toBe(first["resume"]);
});

test("a resume credential is good once more while its successor is not confirmed, and void afterwards", async () => {
  await using server = await startServer();
  const peer = await server.open();
  const { resume } = await peer.ok({ cmd: "connect", ticket: await server.ticket() });
  await (await server.open()).ok({ cmd: "connect", resume });
  const again = await server.open();
  await again.ok({ cmd: "connect", resume });
  again.socket.send('{"cmd":"pong"}');
  await again.ok({ cmd: "ping" });
  await expect((await server.open()).refused({ cmd: "connect", resume })).resolves.toBe("resume_refused");
});

test("an instance that comes back ends its older connection", async () => {
  await using server = await startServer();
  const peer = await server.open();
  const { resume } = await peer.ok({ cmd: "connect", ticket: await server.ticket() });
  await (await server.open()).ok({ cmd: "connect", resume });
  await expect(peer.closed).resolves.toMatchObject({ code: 4004 });
});

test("other nodes are told of an instance that comes back, not of one that begins", async () => {
  const sent: ControlMessage[] = [];
  const backplane: Backplane = {
    name: "listening",
    open: (context, done) => {
      memory().open(context, (opened) => {
        if (opened instanceof Error) return done(opened);
        const { channels, tickets, control } = opened;
        const send = (message: ControlMessage): void => {
          sent.push(message);
          control.send(message);
        };
        const close = (closed: () => void): void => opened.close(closed);
        const { node } = control;
        const own = { node, send, nodes: control.nodes.bind(control), close: () => control.close() };
        done({ channels, tickets, control: own, close });
      });
    },
  };
  await using server = await startServer({ backplane });
  const peer = await server.open();
  const { resume, instance } = await peer.ok({ cmd: "connect", ticket: await server.ticket() });
  expect(sent).toEqual([]);
  await (await server.open()).ok({ cmd: "connect", resume });
  expect(sent).toMatchObject([{ type: "replace", instance }]);
});

test("a session ends with its lifetime", async () => {
  await using server = await startServer();
  const peer = await server.open();
  const ticket = await server.carillon.tickets.issue({ user: { id: "ada" }, lifetime: "80ms" });
  await expect(peer.ok({ cmd: "connect", ticket })).resolves.toMatchObject({ lifetimeMs: 80 });
  await expect(peer.closed).resolves.toMatchObject({ code: 4102 });
});

test("a refresh prolongs the session without dropping the connection, for the same user alone", async () => {
  await using server = await startServer();
  const peer = await server.open();
  await peer.ok({
    cmd: "connect",
    ticket: await server.carillon.tickets.issue({ user: { id: "ada" }, lifetime: "400ms" }),
  });
  await expect(peer.refused({ cmd: "refresh", ticket: await server.ticket("bob") })).resolves.toBe("ticket_refused");
  await expect(peer.ok({ cmd: "refresh", ticket: await server.ticket("ada") })).resolves.toEqual({});
  // The old end has passed once a ticket issued now, with the same lifetime, would have ended as well.
  const other = await server.open();
  await other.ok({
    cmd: "connect",
    ticket: await server.carillon.tickets.issue({ user: { id: "eve" }, lifetime: "400ms" }),
  });
  await other.closed;
  await expect(peer.ok({ cmd: "ping" })).resolves.toEqual({});
});

test("what a refreshed ticket says about its user counts from then on", async () => {
  await using server = await startServer({ grant: ({ user }) => user.role === "admin" });
  const peer = await server.enter("ada");
  await expect(peer.refused({ cmd: "subscribe", channel: CHAT })).resolves.toBe("forbidden");
  await peer.ok({
    cmd: "refresh",
    ticket: await server.carillon.tickets.issue({ user: { id: "ada", role: "admin" } }),
  });
  await peer.ok({ cmd: "subscribe", channel: CHAT });
});

test("a revocation ends live sessions for good, and voids tickets and credentials", async () => {
  await using server = await startServer();
  const peer = await server.open();
  const { resume } = await peer.ok({ cmd: "connect", ticket: await server.ticket() });
  const unused = await server.ticket();
  await server.carillon.tickets.revoke("ada");
  await expect(peer.closed).resolves.toMatchObject({ code: 4500 });
  await expect((await server.open()).refused({ cmd: "connect", resume })).resolves.toBe("resume_refused");
  await expect((await server.open()).refused({ cmd: "connect", ticket: unused })).resolves.toBe("ticket_refused");
});

test("what no rule grants is denied", async () => {
  await using server = await startServer({ grant: () => false });
  const peer = await server.enter();
  await expect(peer.refused({ cmd: "subscribe", channel: CHAT })).resolves.toBe("forbidden");
  await expect(peer.refused({ cmd: "publish", channel: CHAT, publication: "p", data: { text: "x" } })).resolves.toBe(
    "forbidden",
  );
  await expect(peer.refused({ cmd: "history", channel: CHAT, limit: 1 })).resolves.toBe("forbidden");
  await expect(peer.refused({ cmd: "subscribe", channel: "@presence:chat:lobby" })).resolves.toBe("forbidden");
});

test("a rule that fails grants nothing and ends nothing", async () => {
  await using server = await startServer({
    grant: () => {
      throw new Error("The database is down.");
    },
  });
  const peer = await server.enter();
  await expect(peer.refused({ cmd: "subscribe", channel: CHAT })).resolves.toBe("forbidden");
  await expect(peer.ok({ cmd: "ping" })).resolves.toEqual({});
});

test("a connection that does not connect in time is closed", async () => {
  await using server = await startServer({ limits: { connectTimeoutMs: 50 } });
  await expect((await server.open()).closed).resolves.toMatchObject({ code: 4103 });
});

test("a client of a newer contract is told so", async () => {
  await using server = await startServer();
  const peer = await server.open();
  await expect(peer.refused({ cmd: "connect", ticket: await server.ticket(), contract: 4 })).resolves.toBe(
    "contract_mismatch",
  );
  await expect(peer.closed).resolves.toMatchObject({ code: 4505 });
});

test("connect must be alone in its frame", async () => {
  await using server = await startServer();
  const peer = await server.open();
  peer.socket.send(`{"cmd":"connect","id":1,"ticket":"t"}\n{"cmd":"ping","id":2}`);
  await expect(peer.closed).resolves.toMatchObject({ code: 4502 });
});

test("commands that are pipelined behind connect are carried out after it", async () => {
  await using server = await startServer();
  const peer = await server.open();
  peer.socket.send(JSON.stringify({ cmd: "connect", id: 50, ticket: await server.ticket() }));
  peer.socket.send(JSON.stringify({ cmd: "subscribe", id: 51, channel: CHAT }));
  await peer.next((message) => message["re"] === 51 && "ok" in message);
  expect(peer.received.map((message) => message["re"])).toEqual([50, 51]);
});

test("more connections of one user than the limit are refused, the others stay", async () => {
  await using server = await startServer({ limits: { connectionsPerUser: 1 } });
  const peer = await server.enter("ada");
  const second = await server.open();
  await expect(second.refused({ cmd: "connect", ticket: await server.ticket("ada") })).resolves.toBe("overloaded");
  await expect(second.closed).resolves.toMatchObject({ code: 4003 });
  await expect(peer.ok({ cmd: "ping" })).resolves.toEqual({});
});

test("an instance that comes back is not kept out by its own older connection", async () => {
  await using server = await startServer({ limits: { connectionsPerUser: 1 } });
  const peer = await server.open();
  const { resume } = await peer.ok({ cmd: "connect", ticket: await server.ticket("ada") });
  const back = await server.open();
  await back.ok({ cmd: "connect", resume });
  await expect(peer.closed).resolves.toMatchObject({ code: 4004 });
});
