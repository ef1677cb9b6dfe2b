import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { clientFrame, codeOf } from "./raw-peer.ts";
import { pair, TestServer, untilClose, type Served } from "./test-server.ts";

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
    [
      "an unfinished message",
      [
        clientFrame(0x1, "x".repeat(9_000), { isFinal: false }),
        clientFrame(0x0, "x".repeat(9_000), { isFinal: false }),
      ],
      4503,
    ],
    ["a whole message", [clientFrame(0x1, "x".repeat(20_000))], 4503],
    ["many messages", Array.from({ length: 100 }, () => clientFrame(0x1, "x".repeat(200))), 4503],
    [
      "many pongs of no use",
      Array.from({ length: 90 }, () => clientFrame(0xa, "x".repeat(125))).concat(clientFrame(0x1, "x".repeat(8_000))),
      4503,
    ],
    ["a length of 60 MB", [clientFrame(0x1, "", { claimed: 60_000_000n })], 4503],
    [
      "65 fragments",
      [
        clientFrame(0x1, "x", { isFinal: false }),
        ...Array.from({ length: 65 }, () => clientFrame(0x0, "", { isFinal: false })),
      ],
      1008,
    ],
  ])("is closed when it is sent %s beyond that", async (_what, frames, code) => {
    await using server = await TestServer.start();
    const { peer, served } = await pair(server);
    peer.send(...frames);
    expect(codeOf(await untilClose(peer))).toBe(code);
    expect(served.texts.filter((text) => text.length > 16_384)).toEqual([]);
    peer.socket.end();
    await vi.waitFor(() => expect(served.closes).toHaveLength(1), { timeout: 4_000 });
  });

  it("is closed when its bytes come one by one", async () => {
    await using server = await TestServer.start();
    const { peer, served } = await pair(server);
    const frame = clientFrame(0x1, "x".repeat(150));
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

  it.each([
    ["an unfinished frame", 1],
    ["an unfinished frame in 60 reads", 60],
  ])("holds little memory for %s", async (_what, reads) => {
    await using server = await TestServer.start();
    const peers = await Promise.all(Array.from({ length: 100 }, () => pair(server)));
    const before = usedBytes();
    const unfinished = clientFrame(0x1, "x".repeat(60_000)).subarray(0, 16_000);
    const size = Math.ceil(unfinished.length / reads);
    for (let at = 0; at < unfinished.length; at += size) {
      await Promise.all(peers.map(({ peer }) => peer.sendApart(unfinished.subarray(at, at + size))));
    }
    await delay(50);
    const perPeer = (usedBytes() - before) / peers.length;
    expect(peers.filter(({ served }) => served.closes.length > 0)).toEqual([]);
    expect(perPeer).toBeLessThan(48_000);
    for (const { peer } of peers) peer.reset();
    await vi.waitFor(() => expect(server.reserved).toBe(0));
  });
});

/** Bytes in use after a full collection. */
function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
