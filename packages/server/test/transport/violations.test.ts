import { describe, expect, it, vi } from "vitest";
import { textFrame } from "../../src/transport/frames.ts";
import { clientFrame, closeFrame, codeOf } from "./raw-peer.ts";
import { OPENED, pair, TestServer, untilClose } from "./test-server.ts";

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
    await using server = await TestServer.start(OPENED);
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
    await using server = await TestServer.start(OPENED);
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
    await using server = await TestServer.start(OPENED);
    const { peer } = await pair(server);
    peer.send(clientFrame(0x2, Buffer.alloc(40_000), { isFinal: false }), clientFrame(0x0, Buffer.alloc(40_000)));
    expect(codeOf(await untilClose(peer))).toBe(4503);
    peer.reset();
  });

  it("a flood of pings or pongs is closed with 1008, a hundred of them are not", async () => {
    await using server = await TestServer.start(OPENED);
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
    await using server = await TestServer.start(OPENED);
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
