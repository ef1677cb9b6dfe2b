import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { SILENT_LOGGER, type Logger } from "../../src/core/logger.ts";
import { clientFrame, closeFrame, codeOf, RawPeer, upgradeRequest } from "./raw-peer.ts";
import { OPENED, pair, TestServer, untilClose } from "./test-server.ts";

describe("a connection", () => {
  it("brings text and bytes both ways, of any size, in order", async () => {
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    const sizes = [0, 1, 125, 126, 65_535];
    for (const size of sizes)
      peer.send(clientFrame(0x1, "é".repeat(size / 2)), clientFrame(0x2, Buffer.alloc(size, 7)));
    await vi.waitFor(() => expect(served.binaries).toHaveLength(sizes.length));
    expect(served.texts.map((text) => text.length)).toEqual(sizes.map((size) => Math.floor(size / 2)));
    expect(served.binaries.map((bytes) => bytes.byteLength)).toEqual(sizes);
    const { connection } = served;
    connection.write(connection.framing.text("one"));
    connection.writeAll([connection.framing.text("two"), connection.framing.binary(new Uint8Array(70_000))]);
    expect((await peer.frame())?.payload.toString()).toBe("one");
    expect((await peer.frame())?.payload.toString()).toBe("two");
    expect(await peer.frame()).toMatchObject({
      opcode: 2,
      isFinal: true,
      isMasked: false,
      payload: { length: 70_000 },
    });
    peer.reset();
  });

  it("brings what came together with the upgrade request", async () => {
    await using server = await TestServer.start(OPENED);
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest(), clientFrame(0x1, "early"), clientFrame(0x1, "bird"));
    expect((await peer.response()).status).toBe(101);
    await vi.waitFor(() => expect(server.only.texts).toEqual(["early", "bird"]));
    peer.reset();
  });

  it("joins fragments with pings between them, and answers the pings", async () => {
    await using server = await TestServer.start(OPENED);
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
    await using server = await TestServer.start(OPENED);
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
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    served.onText = (text) => {
      if (text === "stop") served.connection.pause();
    };
    peer.send(
      clientFrame(0x1, "stop"),
      clientFrame(0x1, "a"),
      clientFrame(0x2, "b"),
      clientFrame(0x1, "stop"),
      clientFrame(0x1, "c"),
    );
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
    await using server = await TestServer.start(OPENED);
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
    await using server = await TestServer.start(OPENED);
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
    await using server = await TestServer.start(OPENED);
    const { peer, served } = await pair(server);
    served.connection.pause();
    served.connection.close(4001, "too slow");
    const frame = await untilClose(peer);
    expect([codeOf(frame), frame?.payload.subarray(2).toString()]).toEqual([4001, "too slow"]);
    peer.send(closeFrame(4001));
    peer.socket.end();
    await vi.waitFor(() => expect(served.closes).toEqual([[4001, false]]), { timeout: 1_000 });
  });
});

describe("a fault", () => {
  it("of whoever serves a connection closes that one with 1011 and no other, and is logged", async () => {
    const error = vi.fn<Logger["error"]>();
    const logger: Logger = { ...SILENT_LOGGER, error };
    await using server = await TestServer.start({ ...OPENED, attach: { logger } });
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
