import { Socket } from "node:net";
import { expect, it, vi } from "vitest";
import { startReading, stopReading } from "../../src/transport/socket-reading.ts";
import { clientFrame, closeFrame } from "./raw-peer.ts";
import { OPENED, pair, TestServer, untilClose } from "./test-server.ts";

/** Lets the server read whatever has come by now: another connection has been answered twice. */
async function untilServerHasRead(server: TestServer): Promise<void> {
  const { peer } = await pair(server);
  for (let round = 0; round < 2; round += 1) {
    peer.send(clientFrame(0x9, "are you there"));
    await peer.frame();
  }
  peer.reset();
}

it("what is left unread is told all at once when it is read", async () => {
  await using server = await TestServer.start(OPENED);
  const { peer, served } = await pair(server);
  served.connection.leaveUnread();
  for (const text of ["one", "two", "three"]) {
    peer.send(clientFrame(0x1, text));
    await untilServerHasRead(server);
  }
  expect(served.texts).toEqual([]);
  let toldInFirstTurn = 0;
  served.onText = () => {
    if (served.texts.length === 1) setImmediate(() => (toldInFirstTurn = served.texts.length));
  };
  served.connection.readOn();
  await vi.waitFor(() => expect(toldInFirstTurn).toBe(3));
  expect(served.texts).toEqual(["one", "two", "three"]);
  peer.send(clientFrame(0x1, "four"));
  await vi.waitFor(() => expect(served.texts).toHaveLength(4));
  peer.reset();
});

it("what is paused stays so when it is read on from", async () => {
  await using server = await TestServer.start(OPENED);
  const { peer, served } = await pair(server);
  served.connection.leaveUnread();
  served.connection.pause();
  peer.send(clientFrame(0x1, "one"));
  served.connection.readOn();
  await untilServerHasRead(server);
  expect(served.texts).toEqual([]);
  served.connection.resume();
  await vi.waitFor(() => expect(served.texts).toEqual(["one"]));
  peer.reset();
});

it("what is left unread and resumed meanwhile is read on from in the end", async () => {
  await using server = await TestServer.start(OPENED);
  const { peer, served } = await pair(server);
  served.connection.pause();
  served.connection.leaveUnread();
  served.connection.resume();
  peer.send(clientFrame(0x1, "one"));
  await untilServerHasRead(server);
  served.connection.readOn();
  await vi.waitFor(() => expect(served.texts).toEqual(["one"]));
  peer.reset();
});

it("an end that is unread is told when it is read", async () => {
  await using server = await TestServer.start(OPENED);
  const { peer, served } = await pair(server);
  served.connection.leaveUnread();
  peer.send(clientFrame(0x1, "last"), closeFrame(1000));
  await untilServerHasRead(server);
  expect(served.closes).toEqual([]);
  served.connection.readOn();
  await peer.ended();
  peer.socket.end();
  await vi.waitFor(() => expect(served.closes).toEqual([[1000, true]]));
  expect(served.texts).toEqual(["last"]);
});

it("who closes reads the answer, whatever was left unread", async () => {
  await using server = await TestServer.start(OPENED);
  const { peer, served } = await pair(server);
  served.connection.leaveUnread();
  served.connection.close(4000, "The node is leaving.");
  await untilClose(peer);
  peer.send(closeFrame(4000));
  await peer.ended();
  peer.socket.end();
  // As the other one has answered it, and not as a connection that broke.
  await vi.waitFor(() => expect(served.closes).toEqual([[4000, false]]));
  served.connection.leaveUnread();
  served.connection.readOn();
});

/** What a later Node may have in place of the handle that is known. */
const OTHER_HANDLES: readonly (readonly [string, (handle: object) => unknown])[] = [
  ["has no readStop", (handle) => Object.create(handle, { readStop: { value: undefined } })],
  ["has no readStart", (handle) => Object.create(handle, { readStart: { value: undefined } })],
  ["does not say whether it is read", (handle) => Object.create(handle, { reading: { value: undefined } })],
  ["is none", () => null],
];

it.each(OTHER_HANDLES)("a socket whose handle %s is read from as ever", async (_, otherOf) => {
  await using server = await TestServer.start(OPENED);
  const sockets: Socket[] = [];
  server.http.on("connection", (socket: Socket) => sockets.push(socket));
  const { peer, served } = await pair(server);
  const [socket] = sockets;
  if (socket === undefined) throw new Error("Expected a socket.");
  const handle = Reflect.get(socket, "_handle") as object;
  const other = otherOf(handle);
  /** As the server sees it in the call; Node itself needs its own. */
  const withOther = <T>(act: () => T): T => {
    Reflect.set(socket, "_handle", other);
    try {
      return act();
    } finally {
      Reflect.set(socket, "_handle", handle);
    }
  };
  withOther(() => served.connection.leaveUnread());
  peer.send(clientFrame(0x1, "one"));
  await vi.waitFor(() => expect(served.texts).toEqual(["one"]));
  withOther(() => served.connection.readOn());
  peer.send(clientFrame(0x1, "two"));
  await vi.waitFor(() => expect(served.texts).toEqual(["one", "two"]));
  withOther(() => expect(stopReading(socket)).toBe(false));
  peer.reset();
});

it("control: the handle of this Node can be asked, and what it has put off is read when it is told", async () => {
  await using server = await TestServer.start(OPENED);
  const sockets: Socket[] = [];
  server.http.on("connection", (socket: Socket) => sockets.push(socket));
  const { peer } = await pair(server);
  const [socket = new Socket()] = sockets;
  expect(stopReading(socket)).toBe(true);
  expect(stopReading(socket)).toBe(false);
  startReading(socket);
  expect(stopReading(socket)).toBe(true);
  startReading(socket);
  peer.reset();
});

it("a socket that never was connected, or is gone, is left alone", () => {
  const socket = new Socket();
  expect(stopReading(socket)).toBe(false);
  startReading(socket);
  socket.destroy();
  expect(stopReading(socket)).toBe(false);
  startReading(socket);
});
