import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Logger } from "../../src/core/logger.ts";
import { SILENT_LOGGER } from "../../src/core/logger.ts";
import { textFrame } from "../../src/transport/frames.ts";
import { clientFrame, closeFrame, codeOf, RawPeer, upgradeRequest, type Frame } from "./raw-peer.ts";
import { TestServer, type Served, type TestServerOptions } from "./test-server.ts";

const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);

beforeEach(() => {
  uncaught.length = 0;
  process.on("uncaughtException", note);
});

afterEach(() => {
  process.off("uncaughtException", note);
  expect(uncaught).toEqual([]);
});

const opened: TestServerOptions = { accepted: ({ connection }) => connection.opened() };

/** An authenticated connection: its two ends. */
async function pair(server: TestServer): Promise<{ readonly peer: RawPeer; readonly served: Served }> {
  const before = server.served.length;
  const peer = await RawPeer.upgraded(server.port);
  const served = server.served[before];
  if (served === undefined) throw new Error("Expected the connection to be accepted before its upgrade is answered.");
  return { peer, served };
}

/** Everything up to the close frame. */
async function untilClose(peer: RawPeer): Promise<Frame | undefined> {
  for (;;) {
    const frame = await peer.frame();
    if (frame === undefined || frame.opcode === 0x8) return frame;
  }
}

describe("a connection", () => {
  it("brings text and bytes both ways, of any size, in order", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    const sizes = [0, 1, 125, 126, 65_535];
    for (const size of sizes) peer.send(clientFrame(0x1, "é".repeat(size / 2)), clientFrame(0x2, Buffer.alloc(size, 7)));
    await vi.waitFor(() => expect(served.binaries).toHaveLength(sizes.length));
    expect(served.texts.map((text) => text.length)).toEqual(sizes.map((size) => Math.floor(size / 2)));
    expect(served.binaries.map((bytes) => bytes.byteLength)).toEqual(sizes);
    const { connection } = served;
    connection.write(connection.framing.text("one"));
    connection.writeAll([connection.framing.text("two"), connection.framing.binary(new Uint8Array(70_000))]);
    expect((await peer.frame())?.payload.toString()).toBe("one");
    expect((await peer.frame())?.payload.toString()).toBe("two");
    expect(await peer.frame()).toMatchObject({ opcode: 2, isFinal: true, isMasked: false, payload: { length: 70_000 } });
    peer.reset();
  });

  it("brings what came together with the upgrade request", async () => {
    await using server = await TestServer.start(opened);
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest(), clientFrame(0x1, "early"), clientFrame(0x1, "bird"));
    expect((await peer.response()).status).toBe(101);
    await vi.waitFor(() => expect(server.only.texts).toEqual(["early", "bird"]));
    peer.reset();
  });

  it("joins fragments with pings between them, and answers the pings", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    peer.send(
      clientFrame(0x1, "a", { isFinal: false }),
      clientFrame(0x9, "are you there"),
      clientFrame(0x0, "", { isFinal: false }),
      clientFrame(0x0, "b"),
    );
    expect(await peer.frame()).toMatchObject({ opcode: 0xa, payload: Buffer.from("are you there") });
    await vi.waitFor(() => expect(served.texts).toEqual(["ab"]));
    peer.reset();
  });

  it("keeps bytes that somebody stores from holding on to the read that brought them", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    peer.send(clientFrame(0x2, "tiny"), clientFrame(0x2, Buffer.alloc(30_000)));
    await vi.waitFor(() => expect(served.binaries).toHaveLength(2));
    expect(served.binaries[0]?.buffer.byteLength).toBe(4);
    peer.reset();
  });

  it("carries a hundred thousand messages without being closed by a count that only grows", async () => {
    await using server = await TestServer.start({
      accepted: (served) => {
        served.connection.opened();
        served.onText = () => {
          if (served.texts.length > 1_000) served.texts.length = 0;
          total += 1;
        };
      },
    });
    let total = 0;
    const { peer } = await pair(server);
    const thousand = Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(0x1, "m")));
    for (let sent = 0; sent < 100; sent += 1) peer.send(thousand);
    await vi.waitFor(() => expect(total).toBe(100_000), { timeout: 5_000 });
    peer.reset();
  });
});

describe("pausing", () => {
  it("holds back what the same read brought along, and resuming tells it in order before anything newer", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    served.onText = (text) => {
      if (text === "stop") served.connection.pause();
    };
    peer.send(clientFrame(0x1, "stop"), clientFrame(0x1, "a"), clientFrame(0x2, "b"), clientFrame(0x1, "stop"), clientFrame(0x1, "c"));
    await vi.waitFor(() => expect(served.texts).toEqual(["stop"]));
    peer.send(clientFrame(0x1, "d"));
    await delay(20);
    expect(served.binaries).toHaveLength(0);
    served.connection.resume();
    expect([served.texts, served.binaries.length]).toEqual([["stop", "a", "stop"], 1]);
    served.connection.resume();
    await vi.waitFor(() => expect(served.texts).toEqual(["stop", "a", "stop", "c", "d"]));
    peer.reset();
  });

  it("lets the peer's sends wait: what is held is bounded by a read", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    served.connection.pause();
    const message = clientFrame(0x2, Buffer.alloc(60_000));
    for (let sent = 0; sent < 300; sent += 1) peer.socket.write(message);
    await delay(100);
    expect(served.binaries).toHaveLength(0);
    // 18 MB were sent; what neither kernel holds waits with the sender.
    expect(peer.socket.writableLength).toBeGreaterThan(5_000_000);
    served.connection.resume();
    await vi.waitFor(() => expect(served.binaries).toHaveLength(300), { timeout: 5_000 });
    peer.reset();
  });

  it("for an instant within a message costs no read", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    served.onText = () => {
      served.connection.pause();
      served.connection.resume();
    };
    for (let sent = 0; sent < 1_000; sent += 1) peer.send(clientFrame(0x1, String(sent)));
    await vi.waitFor(() => expect(served.texts).toHaveLength(1_000));
    expect(served.texts.every((text, index) => text === String(index))).toBe(true);
    peer.reset();
  });

  it("does not keep a close from being carried out", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    served.connection.pause();
    served.connection.close(4001, "too slow");
    const frame = await untilClose(peer);
    expect([codeOf(frame), frame?.payload.subarray(2).toString()]).toEqual([4001, "too slow"]);
    peer.send(closeFrame(4001));
    await vi.waitFor(() => expect(served.closes).toEqual([[4001, false]]), { timeout: 1_000 });
  });
});

describe("closing", () => {
  it("by the peer is told once, and is clean with 1000 only", async () => {
    await using server = await TestServer.start(opened);
    for (const code of [1000, 1001, 1011, 3000, 4000, 4999]) {
      const { peer, served } = await pair(server);
      peer.send(closeFrame(code, "bye"));
      expect(codeOf(await untilClose(peer))).toBe(code);
      peer.socket.end();
      await vi.waitFor(() => expect(served.closes).toEqual([[code, code === 1000]]));
    }
  });

  it("without a code, and without a close frame, is not clean", async () => {
    await using server = await TestServer.start(opened);
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
    await using server = await TestServer.start(opened);
    const [leaving, sent] = [await pair(server), await pair(server)];
    leaving.served.connection.close(4000, "draining");
    leaving.peer.send(closeFrame(1000));
    sent.served.connection.close(1000, "done");
    sent.peer.send(closeFrame(1000));
    await vi.waitFor(() => expect(leaving.served.closes).toEqual([[1000, true]]), { timeout: 4_000 });
    await vi.waitFor(() => expect(sent.served.closes).toEqual([[1000, false]]), { timeout: 4_000 });
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535])("by the peer with %i is answered with 1002", async (code) => {
    await using server = await TestServer.start(opened);
    const { peer } = await pair(server);
    peer.send(closeFrame(code));
    expect(codeOf(await untilClose(peer))).toBe(1002);
    peer.reset();
  });

  it("writes nothing behind the close frame, whoever tries", async () => {
    await using server = await TestServer.start(opened);
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
    await using server = await TestServer.start(opened);
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
    await using server = await TestServer.start(opened);
    for (const code of [0, 1005, 1006, 2000, 5000, Number.NaN, 4000.5, -1]) {
      const { peer, served } = await pair(server);
      served.connection.close(code, "");
      expect(codeOf(await untilClose(peer))).toBe(1011);
      peer.reset();
    }
  });

  it("cuts a peer that does not answer after two seconds", async () => {
    await using server = await TestServer.start(opened);
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
    await using server = await TestServer.start(opened);
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
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    served.connection.terminate();
    served.connection.terminate();
    await peer.ended();
    await vi.waitFor(() => expect(served.closes).toEqual([[1006, false]]));
  });
});

describe("what breaks RFC 6455", () => {
  it.each([
    ["an unmasked frame", clientFrame(0x1, "x", { isMasked: false }), 1002],
    ["a reserved bit", clientFrame(0x1, "x", { reserved: 0x40 }), 1002],
    ["a reserved opcode", clientFrame(0x3, "x"), 1002],
    ["a continuation of nothing", clientFrame(0x0, "x"), 1002],
    ["a ping in parts", clientFrame(0x9, "x", { isFinal: false }), 1002],
    ["a ping of 126 bytes", clientFrame(0x9, "x".repeat(126)), 1002],
    ["a close of one byte", clientFrame(0x8, "x"), 1002],
    ["a close of 126 bytes", clientFrame(0x8, "x".repeat(126)), 1002],
    ["a close whose reason is not UTF-8", clientFrame(0x8, Buffer.from([0x03, 0xe8, 0xff])), 1007],
    ["a length of 1 written with 16 bits", clientFrame(0x1, "x", { lengthBytes: 2 }), 1002],
    ["a length of 1 written with 64 bits", clientFrame(0x1, "x", { lengthBytes: 8 }), 1002],
    ["text that is not UTF-8", clientFrame(0x1, Buffer.from([0xc0, 0xaf])), 1007],
    ["half a surrogate in UTF-8", clientFrame(0x1, Buffer.from([0xed, 0xa0, 0x80])), 1007],
    ["a message over the limit", clientFrame(0x2, Buffer.alloc(65_537)), 4503],
    ["a length of 2⁵³ + 1", clientFrame(0x2, "", { claimed: 2n ** 53n + 1n }), 4503],
    ["a length with its top bit set", clientFrame(0x2, "", { claimed: 2n ** 63n }), 4503],
  ])("%s is closed, after what came before it was told", async (_what, frame, code) => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    peer.send(clientFrame(0x1, "before"), frame, clientFrame(0x1, "behind"));
    expect(codeOf(await untilClose(peer))).toBe(code);
    expect(served.texts).toEqual(["before"]);
    expect(served.binaries).toEqual([]);
    peer.send(closeFrame(1000));
    peer.socket.end();
    await vi.waitFor(() => expect(served.closes).toHaveLength(1), { timeout: 4_000 });
  });

  it("fragments over the limit are closed with 1008, empty ones included", async () => {
    await using server = await TestServer.start(opened);
    for (const piece of ["x", ""]) {
      const { peer, served } = await pair(server);
      peer.send(clientFrame(0x1, piece, { isFinal: false }));
      for (let sent = 0; sent < 1_100; sent += 1) peer.send(clientFrame(0x0, piece, { isFinal: false }));
      expect(codeOf(await untilClose(peer))).toBe(1008);
      expect(served.texts).toEqual([]);
      peer.reset();
    }
  });

  it("a message whose fragments add up to more than the limit is closed", async () => {
    await using server = await TestServer.start(opened);
    const { peer } = await pair(server);
    peer.send(clientFrame(0x2, Buffer.alloc(40_000), { isFinal: false }), clientFrame(0x0, Buffer.alloc(40_000)));
    expect(codeOf(await untilClose(peer))).toBe(4503);
    peer.reset();
  });

  it("a flood of pings or pongs is closed with 1008, a hundred of them are not", async () => {
    await using server = await TestServer.start(opened);
    for (const opcode of [0x9, 0xa]) {
      const [flood, few] = [await pair(server), await pair(server)];
      few.peer.send(...Array.from({ length: 60 }, () => clientFrame(opcode, "")), clientFrame(0x1, "fine"));
      await vi.waitFor(() => expect(few.served.texts).toEqual(["fine"]));
      for (let sent = 0; sent < 200; sent += 1) await flood.peer.sendApart(clientFrame(opcode, ""));
      expect(codeOf(await untilClose(flood.peer))).toBe(1008);
      flood.peer.reset();
      few.peer.reset();
    }
  });

  it("pings of a peer that does not read the pongs are bounded", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    peer.socket.pause();
    for (let sent = 0; sent < 200; sent += 1) served.connection.write(textFrame("x".repeat(100_000)));
    const backlog = served.connection.queuedBytes;
    for (let sent = 0; sent < 1_000; sent += 1) peer.send(clientFrame(0x9, "x".repeat(125)));
    await vi.waitFor(() => expect(served.closes).toHaveLength(1), { timeout: 4_000 });
    expect(backlog).toBeGreaterThan(1_000_000);
    peer.reset();
  });
});

describe("progress", () => {
  it("shows in takenBytes for a part of a write, while queuedBytes stands still", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    peer.socket.pause();
    const { connection } = served;
    const handshake = connection.takenBytes;
    connection.write(textFrame("x".repeat(30_000_000)));
    const queued = connection.queuedBytes;
    const start = connection.takenBytes;
    expect(queued).toBe(30_000_010);
    expect(start - handshake).toBeLessThan(queued);
    peer.socket.resume();
    await vi.waitFor(() => expect(connection.takenBytes).toBeGreaterThan(start), { interval: 1 });
    if (connection.queuedBytes > 0) expect(connection.queuedBytes).toBe(queued);
    await vi.waitFor(() => expect(connection.queuedBytes).toBe(0), { timeout: 5_000 });
    expect(connection.takenBytes - handshake).toBe(queued);
    peer.reset();
  });

  it("stands still while the peer takes nothing, and never falls, not even at the end", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    peer.socket.pause();
    for (let sent = 0; sent < 100; sent += 1) served.connection.write(textFrame("x".repeat(100_000)));
    let before = -1;
    await vi.waitFor(() => {
      const last = before;
      before = served.connection.takenBytes;
      expect(before).toBe(last);
    }, { interval: 50 });
    await delay(50);
    expect(served.connection.takenBytes).toBe(before);
    served.connection.terminate();
    await vi.waitFor(() => expect(served.closes).toHaveLength(1));
    expect(served.connection.takenBytes).toBeGreaterThanOrEqual(before);
  });

  it.each([16_384, 1_000_000])("is told by drained after every backlog, with a high-water mark of %i", async (highWaterMark) => {
    await using server = await TestServer.start({ ...opened, http: { highWaterMark } });
    const { peer, served } = await pair(server);
    const { connection } = served;
    for (let round = 1; round <= 3; round += 1) {
      const before = served.drains;
      peer.socket.pause();
      while (connection.queuedBytes < 300_000) connection.writeAll([textFrame("x".repeat(50_000)), textFrame("y")]);
      await delay(10);
      expect(served.drains).toBe(before);
      peer.socket.resume();
      await vi.waitFor(() => expect(served.drains).toBeGreaterThan(before), { timeout: 5_000 });
      expect(connection.queuedBytes).toBe(0);
    }
    peer.reset();
  });

  it("of a gathered write arrives as whole frames in order", async () => {
    await using server = await TestServer.start(opened);
    const { peer, served } = await pair(server);
    const texts = Array.from({ length: 500 }, (_, index) => `${index} `.repeat(index));
    served.connection.writeAll(texts.map(textFrame));
    for (const text of texts) expect((await peer.frame())?.payload.toString()).toBe(text);
    peer.reset();
  });
});

describe("before it is opened, a connection", () => {
  it("takes a first message of up to 16 KiB in a few fragments", async () => {
    await using server = await TestServer.start();
    const { peer, served } = await pair(server);
    peer.send(clientFrame(0x1, "x".repeat(8_000), { isFinal: false }), clientFrame(0x0, "y".repeat(8_000)));
    await vi.waitFor(() => expect(served.texts[0]?.length).toBe(16_000));
    expect(served.closes).toEqual([]);
    peer.reset();
  });

  it.each([
    ["an unfinished frame", [clientFrame(0x1, "x".repeat(60_000)).subarray(0, 20_000)], 4503],
    ["an unfinished message", [clientFrame(0x1, "x".repeat(9_000), { isFinal: false }), clientFrame(0x0, "x".repeat(9_000), { isFinal: false })], 4503],
    ["a whole message", [clientFrame(0x1, "x".repeat(20_000))], 4503],
    ["many messages", Array.from({ length: 100 }, () => clientFrame(0x1, "x".repeat(200))), 4503],
    ["many pongs of no use", Array.from({ length: 90 }, () => clientFrame(0xa, "x".repeat(125))).concat(clientFrame(0x1, "x".repeat(8_000))), 4503],
    ["a length of 60 MB", [clientFrame(0x1, "", { claimed: 60_000_000n })], 4503],
    ["65 fragments", [clientFrame(0x1, "x", { isFinal: false }), ...Array.from({ length: 65 }, () => clientFrame(0x0, "", { isFinal: false }))], 1008],
  ])("is closed when it is sent %s beyond that", async (_what, frames, code) => {
    await using server = await TestServer.start();
    const { peer, served } = await pair(server);
    peer.send(...frames);
    expect(codeOf(await untilClose(peer))).toBe(code);
    expect(served.texts.join("").length).toBeLessThanOrEqual(20_000);
    peer.send(closeFrame(1000));
    await vi.waitFor(() => expect(served.closes).toHaveLength(1), { timeout: 4_000 });
  });

  it("is closed when its bytes come one by one", async () => {
    await using server = await TestServer.start();
    const { peer, served } = await pair(server);
    const frame = clientFrame(0x1, "x".repeat(2_000));
    for (let at = 0; at < frame.length && served.closes.length === 0; at += 1) {
      await peer.sendApart(frame.subarray(at, at + 1));
      // The server runs in this process: another turn lets it read this byte before the next.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(codeOf(await untilClose(peer))).toBe(1008);
    peer.reset();
  });

  it("may be sent more than that behind the first message, which waits until that is decided", async () => {
    const first = (served: Served): void => {
      served.onText = () => {
        served.onText = null;
        served.connection.pause();
      };
    };
    await using server = await TestServer.start({ accepted: first });
    const { peer, served } = await pair(server);
    const pipelined = Array.from({ length: 400 }, (_, index) => clientFrame(0x1, `${index} ${"x".repeat(200)}`));
    peer.send(clientFrame(0x1, "connect"), ...pipelined);
    await vi.waitFor(() => expect(served.texts).toEqual(["connect"]));
    await delay(20);
    expect([served.texts.length, served.closes.length]).toEqual([1, 0]);
    served.connection.opened();
    served.connection.resume();
    await vi.waitFor(() => expect(served.texts).toHaveLength(401));
    peer.reset();
  });

  it("holds little memory, times a thousand", async () => {
    await using server = await TestServer.start();
    const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});
    const peers = await Promise.all(Array.from({ length: 200 }, () => pair(server)));
    gc();
    const before = process.memoryUsage();
    const unfinished = clientFrame(0x1, "x".repeat(60_000)).subarray(0, 16_000);
    for (const { peer } of peers) await peer.sendApart(unfinished);
    await delay(50);
    gc();
    const after = process.memoryUsage();
    const perPeer = (after.heapUsed + after.external - before.heapUsed - before.external) / peers.length;
    expect(peers.every(({ served }) => served.closes.length === 0)).toBe(true);
    expect(perPeer).toBeLessThan(64 * 1_024);
    for (const { peer } of peers) peer.reset();
    await vi.waitFor(() => expect(server.reserved).toBe(0));
  });
});

describe("a fault", () => {
  it("of whoever serves a connection closes that one with 1011 and no other, and is logged", async () => {
    const error = vi.fn();
    const logger: Logger = { ...SILENT_LOGGER, error };
    await using server = await TestServer.start({ ...opened, attach: { logger } });
    const [bad, good] = [await pair(server), await pair(server)];
    bad.served.onText = () => {
      throw new Error("a bug behind the connection");
    };
    bad.peer.send(clientFrame(0x1, "trigger"));
    good.peer.send(clientFrame(0x1, "fine"));
    expect(codeOf(await untilClose(bad.peer))).toBe(1011);
    await vi.waitFor(() => expect(good.served.texts).toEqual(["fine"]));
    expect(error).toHaveBeenCalledTimes(1);
    bad.peer.reset();
    good.peer.reset();
  });

  it("while a connection is accepted cuts it and gives its room back", async () => {
    await using server = await TestServer.start({
      accepted: () => {
        throw new Error("a bug in accept");
      },
    });
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest());
    await peer.ended();
    await vi.waitFor(() => expect(server.reserved).toBe(0));
  });
});

describe("a peer that resets", () => {
  const request = upgradeRequest();
  const frames = Buffer.concat([clientFrame(0x1, "hello"), clientFrame(0x9, "ping"), closeFrame(1000, "bye")]);

  it("at every byte of the handshake and of a frame causes no unhandled error and leaves nothing behind", async () => {
    await using server = await TestServer.start(opened);
    const all = Buffer.concat([request, frames]);
    const cuts = Array.from({ length: all.length }, (_, index) => index + 1);
    for (let at = 0; at < cuts.length; at += 20) {
      await Promise.all(
        cuts.slice(at, at + 20).map(async (length) => {
          const peer = await RawPeer.connect(server.port);
          await peer.sendApart(all.subarray(0, length));
          peer.reset();
        }),
      );
    }
    await vi.waitFor(() => expect(server.reserved).toBe(0), { timeout: 4_000 });
    await vi.waitFor(() => expect(server.served.every(({ closes }) => closes.length === 1)).toBe(true), { timeout: 4_000 });
    expect(server.served.length).toBeGreaterThan(frames.length / 2);
    await RawPeer.upgraded(server.port);
  });

  it("at every byte, with the stream cut there and a write under way, causes none either", async () => {
    await using server = await TestServer.start({
      accepted: ({ connection }) => {
        connection.opened();
        connection.writeAll([textFrame("x".repeat(100_000)), textFrame("y")]);
      },
    });
    for (let length = 1; length <= frames.length; length += 1) {
      const peer = await RawPeer.connect(server.port);
      await peer.sendApart(request);
      await peer.sendApart(frames.subarray(0, length));
      peer.reset();
    }
    await vi.waitFor(() => expect(server.reserved).toBe(0), { timeout: 4_000 });
    expect(server.served.every(({ closes }) => closes.length === 1)).toBe(true);
  });

  it("during the close handshake causes none either", async () => {
    await using server = await TestServer.start(opened);
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
