import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { textFrame } from "../../src/transport/frames.ts";
import { OPENED, pair, TestServer } from "./test-server.ts";

describe("progress", () => {
  it("shows in takenBytes for a part of a write, while queuedBytes stands still", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    peer.socket.pause();
    const { connection } = served;
    const handshake = connection.takenBytes;
    connection.write(textFrame("x".repeat(30_000_000)));
    const queued = connection.queuedBytes;
    const start = connection.takenBytes;
    expect(queued).toBe(30_000_010);
    expect(start - handshake).toBeLessThan(queued);
    let readBytes = 0;
    const halted = new Promise<void>((resolve) => {
      peer.socket.on("data", (chunk: Buffer) => {
        const isBefore = readBytes < 5_000_000;
        readBytes += chunk.byteLength;
        if (!isBefore || readBytes < 5_000_000) return;
        peer.socket.pause();
        resolve();
      });
    });
    peer.socket.resume();
    await halted;
    await vi.waitFor(() => expect(connection.takenBytes - start).toBeGreaterThan(4_000_000));
    expect(connection.queuedBytes).toBe(queued);
    peer.socket.resume();
    await vi.waitFor(() => expect(connection.queuedBytes).toBe(0), { timeout: 5_000 });
    expect(connection.takenBytes - handshake).toBe(queued);
    peer.reset();
  });

  it("stands still while the peer takes nothing, and never falls, not even at the end", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    peer.socket.pause();
    for (let sent = 0; sent < 100; sent += 1) served.connection.write(textFrame("x".repeat(100_000)));
    let before = -1;
    await vi.waitFor(
      () => {
        const last = before;
        before = served.connection.takenBytes;
        expect(before).toBe(last);
      },
      { interval: 50 },
    );
    await delay(50);
    expect(served.connection.takenBytes).toBe(before);
    served.connection.terminate();
    await vi.waitFor(() => expect(served.closes).toHaveLength(1));
    expect(served.connection.takenBytes).toBeGreaterThanOrEqual(before);
  });

  it.each([16_384, 100_000_000])(
    "is told by drained after every backlog, with a high-water mark of %i",
    async (highWaterMark) => {
      await using server = await TestServer.start({ ...OPENED, http: { highWaterMark } });
      const { peer, served } = await pair(server);
      const { connection } = served;
      for (let round = 1; round <= 3; round += 1) {
        const before = served.drains;
        peer.socket.pause();
        // More than the kernels of both ends could ever take.
        while (connection.queuedBytes < 20_000_000)
          connection.writeAll([textFrame("x".repeat(1_000_000)), textFrame("y")]);
        await delay(10);
        expect(served.drains).toBe(before);
        peer.socket.resume();
        await vi.waitFor(() => expect(served.drains).toBeGreaterThan(before), { timeout: 5_000 });
        expect(connection.queuedBytes).toBe(0);
      }
      peer.reset();
    },
  );

  it("of a gathered write arrives as whole frames in order", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    const texts = Array.from({ length: 200 }, (_, index) => `${index} `.repeat(index));
    served.connection.writeAll(texts.map(textFrame));
    for (const text of texts) expect((await peer.frame())?.payload.toString()).toBe(text);
    peer.reset();
  });
});
