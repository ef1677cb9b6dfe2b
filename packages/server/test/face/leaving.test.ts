import { once } from "node:events";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { memory, type Backplane } from "../../src/index.ts";
import { startServer } from "../support.ts";

const CHAT = "chat:lobby";

/** The memory backplane, whose appends are answered when it is told to. */
function held(): { readonly backplane: Backplane; readonly answers: (() => void)[] } {
  const answers: (() => void)[] = [];
  const inner = memory();
  const backplane: Backplane = {
    name: "held",
    open: (context, done) =>
      inner.open(context, (opened) => {
        if (opened instanceof Error) return done(opened);
        const { append } = opened.channels;
        opened.channels.append = (batch) =>
          append.call(
            opened.channels,
            batch.map((request) => ({ ...request, done: (result) => void answers.push(() => request.done(result)) })),
          );
        done(opened);
      }),
  };
  return { backplane, answers };
}

test("a publish that was taken before the node leaves is answered, and no other is taken", async () => {
  const { backplane, answers } = held();
  await using server = await startServer({ backplane });
  const peer = await server.enter();
  const publishing = peer.ask({ cmd: "publish", channel: CHAT, publication: "p1", data: { text: "one" } });
  await expect.poll(() => answers.length).toBe(1);
  const closing = server.carillon.close();
  await peer.next((message) => message["push"] === "drain");
  peer.socket.send(JSON.stringify({ cmd: "publish", id: 99, channel: CHAT, publication: "p2", data: { text: "two" } }));
  answers[0]?.();
  expect(await publishing).toMatchObject({ ok: { pos: expect.any(String) as string } });
  expect(await peer.closed).toMatchObject({ code: 4000 });
  await closing;
  expect(answers).toHaveLength(1);
});

test("plain WebSockets are closed one after the other while the node leaves, and nothing new is let in", async () => {
  await using server = await startServer({
    raw: { "/raw": { channel: CHAT, format: "json", subscribe: true } },
  });
  await server.carillon.ready();
  const sockets = Array.from({ length: 20 }, () => new WebSocket(`${server.url}/raw`));
  await Promise.all(sockets.map((socket) => once(socket, "open")));
  const closedAt: number[] = [];
  const codes: number[] = [];
  for (const socket of sockets)
    socket.on("close", (code) => {
      closedAt.push(performance.now());
      codes.push(code);
    });
  // Somebody who stays to the end keeps the window open.
  const peer = await server.enter();
  const leavingAt = performance.now();
  const closing = server.carillon.close({ drainMs: 600 });
  await expect(server.open()).rejects.toThrow("503");
  await closing;
  await peer.closed;
  await expect.poll(() => closedAt.length).toBe(20);
  expect(new Set(codes)).toEqual(new Set([1001]));
  // At moments of their own: half of them were gone in the first two thirds of the window.
  expect(closedAt.filter((at) => at - leavingAt < 400).length).toBeGreaterThan(3);
  expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(100);
});

test("plain WebSockets are closed one after the other also when nobody else is there", async () => {
  await using server = await startServer({
    raw: { "/raw": { channel: CHAT, format: "json", subscribe: true } },
  });
  await server.carillon.ready();
  const sockets = Array.from({ length: 20 }, () => new WebSocket(`${server.url}/raw`));
  await Promise.all(sockets.map((socket) => once(socket, "open")));
  const closedAt: number[] = [];
  for (const socket of sockets) socket.on("close", () => closedAt.push(performance.now()));
  await server.carillon.close({ drainMs: 600 });
  await expect.poll(() => closedAt.length).toBe(20);
  expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(100);
});

test("whoever connects while the node leaves is told to go as well", async () => {
  await using server = await startServer();
  const stays = await server.enter("bob");
  const late = await server.open();
  const ticket = await server.ticket("ada");
  const closing = server.carillon.close({ drainMs: 1_000 });
  await stays.next((message) => message["push"] === "drain");
  await late.ok({ cmd: "connect", ticket });
  const { delayMs } = await late.next((message) => message["push"] === "drain");
  expect(Number(delayMs)).toBeLessThanOrEqual(1_000);
  expect(await late.closed).toMatchObject({ code: 4000 });
  await closing;
});
