import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { textFrame } from "../../src/transport/frames.ts";
import { clientFrame, closeFrame, codeOf, RawPeer, upgradeRequest } from "./raw-peer.ts";
import { OPENED, pair, TestServer, untilClose } from "./test-server.ts";

describe("closing", () => {
  it("by the peer is told once, and is clean with 1000 only", async () => {
    await using server = await TestServer.start(OPENED);
    for (const code of [1000, 1001, 1011, 3000, 4000, 4999]) {
      const { peer, served } = await pair(server);
      peer.send(closeFrame(code, "bye"));
      expect(codeOf(await untilClose(peer))).toBe(code);
      peer.socket.end();
      await vi.waitFor(() => expect(served.closes).toEqual([[code, code === 1000]]));
    }
  });

  it("without a code, and without a close frame, is not clean", async () => {
    await using server = await TestServer.start(OPENED);
    const [empty, ended, cut] = [await pair(server), await pair(server), await pair(server)];
    empty.peer.send(clientFrame(0x8, ""));
    await untilClose(empty.peer);
    empty.peer.socket.end();
    ended.peer.socket.end();
    cut.peer.reset();
    await vi.waitFor(() => expect(empty.served.closes).toEqual([[1005, false]]));
    await vi.waitFor(() => expect(ended.served.closes).toEqual([[1006, false]]));
    await vi.waitFor(() => expect(cut.served.closes).toEqual([[1006, false]]));
    expect(server.reserved).toBe(0);
  });

  it("of both ends at once is clean if the peer said 1000 and we did not", async () => {
    await using server = await TestServer.start(OPENED);
    const [leaving, sent] = [await pair(server), await pair(server)];
    leaving.served.connection.close(4000, "draining");
    leaving.peer.send(closeFrame(1000));
    sent.served.connection.close(1000, "done");
    sent.peer.send(closeFrame(1000));
    for (const { peer } of [leaving, sent]) peer.socket.end();
    await vi.waitFor(() => expect(leaving.served.closes).toEqual([[1000, true]]), { timeout: 4_000 });
    await vi.waitFor(() => expect(sent.served.closes).toEqual([[1000, false]]), { timeout: 4_000 });
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535])(
    "by the peer with %i is answered with 1002",
    async (code) => {
      await using server = await TestServer.start(OPENED);
      const { peer } = await pair(server);
      peer.send(closeFrame(code));
      expect(codeOf(await untilClose(peer))).toBe(1002);
      peer.reset();
    },
  );

  it("writes nothing behind the close frame, whoever tries", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    const { connection } = served;
    connection.write(textFrame("last"));
    connection.close(4000, "draining");
    connection.write(textFrame("too late"));
    connection.writeAll([textFrame("too"), textFrame("late")]);
    connection.close(4001, "again");
    connection.pause();
    connection.resume();
    expect((await peer.frame())?.payload.toString()).toBe("last");
    expect(codeOf(await peer.frame())).toBe(4000);
    peer.send(clientFrame(0x1, "ignored"), closeFrame(4000));
    await peer.ended();
    peer.socket.end();
    expect(peer.received.length).toBe(0);
    await vi.waitFor(() => expect(served.closes).toEqual([[4000, false]]));
    expect(served.texts).toEqual([]);
    for (const method of ["pause", "resume", "terminate", "opened"] as const) connection[method]();
    connection.write(textFrame("after the end"));
    connection.close(1000, "");
    expect([connection.queuedBytes, Number.isFinite(connection.takenBytes)]).toEqual([0, true]);
    expect(served.closes).toHaveLength(1);
  });

  it("cuts its reason at 123 bytes, between characters", async () => {
    await using server = await TestServer.start(OPENED);
    for (const [reason, expected] of [
      ["x".repeat(500), "x".repeat(123)],
      ["é".repeat(100), "é".repeat(61)],
      ["𝄞".repeat(50), "𝄞".repeat(30)],
      ["x".repeat(123), "x".repeat(123)],
    ] as const) {
      const { peer, served } = await pair(server);
      served.connection.close(4000, reason);
      expect((await untilClose(peer))?.payload.subarray(2).toString()).toBe(expected);
      peer.reset();
    }
  });

  it("with a code that may not be sent says 1011", async () => {
    await using server = await TestServer.start(OPENED);
    for (const code of [0, 1005, 1006, 2000, 5000, Number.NaN, 4000.5, -1]) {
      const { peer, served } = await pair(server);
      served.connection.close(code, "");
      expect(codeOf(await untilClose(peer))).toBe(1011);
      peer.reset();
    }
  });

  it("cuts a peer that does not answer after two seconds", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    const startMs = performance.now();
    served.connection.close(4000, "draining");
    await peer.ended();
    await vi.waitFor(() => expect(served.closes).toEqual([[1006, false]]), { timeout: 4_000 });
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThan(1_900);
    expect(tookMs).toBeLessThan(3_500);
    expect(server.reserved).toBe(0);
  });

  it("cuts a peer that reads nothing, although the close frame waits behind megabytes", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    peer.socket.pause();
    for (let sent = 0; sent < 200; sent += 1) served.connection.write(textFrame("x".repeat(100_000)));
    expect(served.connection.queuedBytes).toBeGreaterThan(1_000_000);
    served.connection.close(4001, "slow");
    await vi.waitFor(() => expect(served.closes).toEqual([[1006, false]]), { timeout: 4_000 });
    expect(served.connection.queuedBytes).toBe(0);
    peer.reset();
  });

  it("at once by a cut is told as 1006", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    served.connection.terminate();
    served.connection.terminate();
    await peer.ended();
    await vi.waitFor(() => expect(served.closes).toEqual([[1006, false]]));
  });
});

describe("a peer that resets", () => {
  const request = upgradeRequest();
  const frames = Buffer.concat([clientFrame(0x1, "hello"), clientFrame(0x9, "ping"), closeFrame(1000, "bye")]);

  /** Sends the bytes to a server, waits until it has read them if asked to, and resets. */
  async function sendAndReset(server: TestServer, bytes: Uint8Array, isReadFirst: boolean): Promise<void> {
    const sockets = new Map<number | undefined, Socket>();
    const remember = (socket: Socket): void => void sockets.set(socket.remotePort, socket);
    server.http.on("connection", remember);
    const peer = await RawPeer.connect(server.port);
    const port = peer.socket.localPort;
    peer.send(bytes);
    if (isReadFirst) {
      const isRead = (): boolean => (sockets.get(port)?.bytesRead ?? 0) >= bytes.byteLength;
      while (!isRead()) await new Promise((resolve) => setImmediate(resolve));
    }
    peer.reset();
    server.http.off("connection", remember);
  }

  it.each([
    ["read by then", true],
    ["perhaps unread", false],
  ])(
    "at every byte of the handshake and of a frame, %s, causes no unhandled error and leaves nothing behind",
    async (_what, isReadFirst) => {
      await using server = await TestServer.start(OPENED);
      const all = Buffer.concat([request, frames]);
      const lengths = Array.from({ length: all.length }, (_, index) => index + 1);
      for (let at = 0; at < lengths.length; at += 20) {
        await Promise.all(
          lengths.slice(at, at + 20).map((length) => sendAndReset(server, all.subarray(0, length), isReadFirst)),
        );
      }
      if (isReadFirst) expect(server.served.length).toBeGreaterThanOrEqual(frames.length);
      await vi.waitFor(() => expect(server.reserved).toBe(0), { timeout: 4_000 });
      await vi.waitFor(() => expect(server.served.every(({ closes }) => closes.length === 1)).toBe(true), {
        timeout: 4_000,
      });
      await RawPeer.upgraded(server.port);
    },
  );

  it("at every byte, with the stream cut there and a write under way, causes none either", async () => {
    await using server = await TestServer.start({
      accepted: ({ connection }) => {
        connection.opened();
        connection.writeAll([textFrame("x".repeat(10_000_000)), textFrame("y")]);
      },
    });
    for (let length = 1; length <= frames.length; length += 1) {
      const { peer } = await pair(server);
      await peer.sendApart(frames.subarray(0, length));
      peer.reset();
    }
    await vi.waitFor(() => expect(server.reserved).toBe(0), { timeout: 4_000 });
    expect(server.served.every(({ closes }) => closes.length === 1)).toBe(true);
  });

  it("during the close handshake causes none either", async () => {
    await using server = await TestServer.start(OPENED);
    for (let round = 0; round < 50; round += 1) {
      const { peer, served } = await pair(server);
      served.connection.write(textFrame("x".repeat(50_000)));
      served.connection.close(4000, "draining");
      peer.reset();
      served.connection.write(textFrame("late"));
    }
    await vi.waitFor(() => expect(server.reserved).toBe(0), { timeout: 4_000 });
  });

  it("while its refusal is written causes none either", async () => {
    await using server = await TestServer.start();
    for (let round = 0; round < 50; round += 1) {
      const peer = await RawPeer.connect(server.port);
      peer.send(upgradeRequest({ line: "GET /other HTTP/1.1" }));
      if (round % 2 === 0) await delay(1);
      peer.reset();
    }
    expect((await RawPeer.upgraded(server.port)).socket.destroyed).toBe(false);
  });
});
