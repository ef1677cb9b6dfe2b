import { randomBytes } from "node:crypto";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { answerToOffers, DEFLATING_FRAMING } from "../../src/transport/deflate.ts";
import { startServer } from "../support.ts";
import { clientFrame, codeOf, RawPeer, upgradeRequest, type FrameOptions } from "./raw-peer.ts";
import { OPENED, TestServer, untilClose, type Served } from "./test-server.ts";

const NO_TAKEOVER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/** What Chromium, Firefox and `ws` offer. */
const BROWSER_OFFER = "permessage-deflate; client_max_window_bits";
const ROUTE = { route: { isDeflating: true } };

/** A message as a client compresses it. */
function deflated(payload: string | Uint8Array): Buffer {
  return deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

function deflatedFrame(payload: string | Uint8Array, opcode = 0x1, options: FrameOptions = {}): Buffer {
  return clientFrame(opcode, deflated(payload), { reserved: 0x40, ...options });
}

/** A peer that has agreed to compression. */
async function pair(options: object = {}): Promise<{ server: TestServer; peer: RawPeer; served: Served }> {
  const server = await TestServer.start({ ...ROUTE, ...options });
  const peer = await RawPeer.upgraded(server.port, { headers: { "Sec-WebSocket-Extensions": BROWSER_OFFER } });
  return { server, peer, served: server.only };
}

describe("an offer of compression", () => {
  it.each([
    [undefined, null],
    ["", null],
    ["x-webkit-deflate-frame", null],
    [BROWSER_OFFER, NO_TAKEOVER],
    ["permessage-deflate", NO_TAKEOVER],
    ["Permessage-Deflate ; server_no_context_takeover;client_no_context_takeover", NO_TAKEOVER],
    ["permessage-deflate; server_max_window_bits=15", `${NO_TAKEOVER}; server_max_window_bits=15`],
    ['permessage-deflate; client_max_window_bits="10"', NO_TAKEOVER],
    ["permessage-deflate; server_max_window_bits=10", null],
    ["permessage-deflate; server_max_window_bits=10, permessage-deflate", NO_TAKEOVER],
    ["foo; bar=1, permessage-deflate", NO_TAKEOVER],
    ["permessage-deflate; unknown", null],
    ["permessage-deflate; client_max_window_bits=16", null],
    ["permessage-deflate; client_max_window_bits=7", null],
    ["permessage-deflate; server_max_window_bits", null],
    ["permessage-deflate; server_no_context_takeover=1", null],
    ["permessage-deflate; client_max_window_bits; client_max_window_bits", null],
    [`permessage-deflate; ${" ".repeat(5_000)}x`, null],
  ])("%j is answered by %j", (offer, answer) => {
    expect(answerToOffers(offer)).toBe(answer);
  });

  it("is not answered where compression is off", async () => {
    await using server = await TestServer.start(OPENED);
    const peer = await RawPeer.connect(server.port);
    peer.send(upgradeRequest({ headers: { "Sec-WebSocket-Extensions": BROWSER_OFFER } }));
    const { status, headers } = await peer.response();
    expect([status, headers.toLowerCase()]).toEqual([101, expect.not.stringContaining("extensions")]);
    peer.send(deflatedFrame("x"));
    expect(codeOf(await untilClose(peer))).toBe(1002);
  });
});

describe("a connection that agreed to compression", () => {
  it("brings compressed and plain messages in order, however they are cut and in as many fragments as may be", async () => {
    const stream = Buffer.concat([
      deflatedFrame("one"),
      clientFrame(0x1, "two"),
      deflatedFrame(Buffer.alloc(60_000, 7), 0x2),
      clientFrame(0x1, deflated("three".repeat(100)).subarray(0, 5), { reserved: 0x40, isFinal: false }),
      clientFrame(0x9, "ping"),
      clientFrame(0x0, deflated("three".repeat(100)).subarray(5)),
      clientFrame(0x2, "four"),
      deflatedFrame(""),
    ]);
    for (const size of [1, 7, 100, stream.length]) {
      const { server, peer, served } = await pair(OPENED);
      await using _ = server;
      for (let at = 0; at < stream.length; at += size) peer.send(stream.subarray(at, at + size));
      await vi.waitFor(() => expect(served.texts).toEqual(["one", "two", "three".repeat(100), ""]));
      expect(served.binaries.map((bytes) => bytes.byteLength)).toEqual([60_000, 4]);
      peer.reset();
    }
  });

  it.each([
    ["a mark on a fragment that continues", clientFrame(0x0, "x", { reserved: 0x40 }), 1002],
    ["a mark on a ping", clientFrame(0x9, "x", { reserved: 0x40 }), 1002],
    ["another reserved bit", clientFrame(0x1, "x", { reserved: 0x20 }), 1002],
    ["bytes that are not compressed", clientFrame(0x1, Buffer.from([0xff, 1, 2, 3]), { reserved: 0x40 }), 1007],
    ["compressed text that is not UTF-8", deflatedFrame(Buffer.from([0x61, 0xff])), 1007],
    ["plain text that is not UTF-8", clientFrame(0x1, Buffer.from([0x61, 0xff])), 1007],
  ])("is closed for %s", async (_what, frame, code) => {
    const { server, peer, served } = await pair(OPENED);
    await using _ = server;
    peer.send(clientFrame(0x1, "before"), frame, deflatedFrame("behind"));
    expect(codeOf(await untilClose(peer))).toBe(code);
    expect(served.texts).toEqual(["before"]);
  });

  it("compresses units, once for all, and nothing that is short, does not shrink, or is a reply", () => {
    const { forUnits } = DEFLATING_FRAMING;
    const text = JSON.stringify(Array.from({ length: 50 }, (_, index) => ({ id: `p${index}`, text: "the tower" })));
    const frame = forUnits?.text(text) ?? new Uint8Array();
    expect([frame[0], frame[1]]).toEqual([0xc1, 126]);
    expect(frame.byteLength).toBeLessThan(text.length / 4);
    const tail = Buffer.from([0, 0, 0xff, 0xff]);
    const options = { finishFlush: constants.Z_SYNC_FLUSH };
    expect(inflateRawSync(Buffer.concat([frame.subarray(4), tail]), options).toString()).toBe(text);
    expect(forUnits?.text("x".repeat(511))[0]).toBe(0x81);
    expect(forUnits?.binary(randomBytes(2_000))[0]).toBe(0x82);
    expect(DEFLATING_FRAMING.text(text)[0]).toBe(0x81);
  });
});

describe("a message that inflates to more than it may", () => {
  /** A megabyte for each kilobyte. */
  const bomb = deflated(Buffer.alloc(60_000_000));

  it("closes the connection at the limit, and costs no more than that", async () => {
    const { server, peer } = await pair(OPENED);
    await using _ = server;
    const { heapUsed, external } = process.memoryUsage();
    peer.send(clientFrame(0x1, bomb, { reserved: 0x40 }));
    expect(codeOf(await untilClose(peer))).toBe(4503);
    const after = process.memoryUsage();
    expect(after.heapUsed + after.external - heapUsed - external).toBeLessThan(20_000_000);
  });

  it("closes it at the limit of strangers before it is authenticated", async () => {
    const { server, peer, served } = await pair();
    await using _ = server;
    peer.send(deflatedFrame("x".repeat(16_384)), deflatedFrame("x".repeat(16_385)));
    expect(codeOf(await untilClose(peer))).toBe(4503);
    expect(served.texts.map((text) => text.length)).toEqual([16_384]);
  });

  it("closes it in fragments as well", async () => {
    const { server, peer, served } = await pair(OPENED);
    await using _ = server;
    for (let at = 0; at < bomb.length; at += 1_000) {
      const isFinal = at + 1_000 >= bomb.length;
      peer.send(
        clientFrame(at === 0 ? 0x1 : 0x0, bomb.subarray(at, at + 1_000), { isFinal, reserved: at === 0 ? 0x40 : 0 }),
      );
    }
    expect(codeOf(await untilClose(peer))).toBe(4503);
    expect(served.texts).toEqual([]);
  });

  it("is not inflated while it waits, nor are the hundreds that came with it", async () => {
    const { server, peer, served } = await pair({
      accepted: (one: Served): void => {
        one.connection.opened();
        one.text = () => one.connection.pause();
      },
    });
    await using _ = server;
    const one = deflatedFrame(Buffer.alloc(65_000), 0x2);
    const before = process.memoryUsage().external;
    const bombs = Array.from({ length: 500 }, () => one);
    peer.send(Buffer.concat([clientFrame(0x1, "wait"), clientFrame(0x9, ""), ...bombs, clientFrame(0x2, "last")]));
    // The answer to the ping shows that what came in the same read has been parsed.
    expect((await peer.frame())?.opcode).toBe(0xa);
    expect(process.memoryUsage().external - before).toBeLessThan(10_000_000);
    served.connection.resume();
    await vi.waitFor(() => expect(served.binaries).toHaveLength(501));
    peer.reset();
  });
});

describe("a server with compression", () => {
  it("serves a ws client that compresses everything, and one that can't, with the same publications", async () => {
    await using server = await startServer({ compression: true });
    const can = new WebSocket(`${server.url}/realtime`, "carillon.1.json", { perMessageDeflate: { threshold: 0 } });
    const cannot = new WebSocket(`${server.url}/realtime`, "carillon.1.json", { perMessageDeflate: false });
    const texts = new Map<WebSocket, string[]>([
      [can, []],
      [cannot, []],
    ]);
    for (const [socket, received] of texts) {
      socket.on("message", (data: Buffer) => received.push(...data.toString().split("\n")));
      await new Promise((resolve) => socket.on("open", resolve));
      socket.send(JSON.stringify({ cmd: "connect", id: 1, ticket: await server.ticket() }));
      socket.send(JSON.stringify({ cmd: "subscribe", id: 2, channel: "chat:lobby" }));
    }
    expect([can.extensions, cannot.extensions]).toEqual(["permessage-deflate", ""]);
    await vi.waitFor(() => expect([...texts.values()].every(({ length }) => length >= 2)).toBe(true));
    const publish = (index: number): string =>
      JSON.stringify({
        cmd: "publish",
        id: 10 + index,
        channel: "chat:lobby",
        publication: `p${index}`,
        data: { text: `${index} é ${"x".repeat(80)}` },
      });
    can.send(Array.from({ length: 50 }, (_, index) => publish(index)).join("\n"));
    const itemsOf = (socket: WebSocket): readonly string[] =>
      (texts.get(socket) ?? []).flatMap((line) => {
        const message = JSON.parse(line) as { push?: string; items?: { id: string }[] };
        return message.push === "items" ? (message.items ?? []).map(({ id }) => id) : [];
      });
    const expected = Array.from({ length: 50 }, (_, index) => `p${index}`);
    await vi.waitFor(() => expect([itemsOf(can), itemsOf(cannot)]).toEqual([expected, expected]));
    can.close();
    cannot.close();
  });

  it("sends the same compressed bytes to every subscriber, and credentials in the clear of compression", async () => {
    await using server = await startServer({ compression: true });
    const port = Number(new URL(server.url).port);
    const peers: RawPeer[] = [];
    for (let index = 0; index < 3; index += 1) {
      const peer = await RawPeer.upgraded(port, { headers: { "Sec-WebSocket-Extensions": BROWSER_OFFER } });
      const connect = { cmd: "connect", id: 1, ticket: await server.ticket() };
      peer.send(clientFrame(0x1, JSON.stringify(connect)));
      expect((await peer.frame())?.payload.toString()).toContain('"resume":"r_');
      peer.send(clientFrame(0x1, JSON.stringify({ cmd: "subscribe", id: 2, channel: "chat:lobby" })));
      await peer.frame();
      peers.push(peer);
    }
    const [first] = peers;
    const publish = (index: number): Record<string, unknown> => {
      return {
        cmd: "publish",
        id: 10 + index,
        channel: "chat:lobby",
        publication: `p${index}`,
        data: { text: "x".repeat(90) },
      };
    };
    first?.send(
      clientFrame(0x1, [publish(1), publish(2), publish(3), publish(4)].map((one) => JSON.stringify(one)).join("\n")),
    );
    const units: Buffer[] = [];
    for (const peer of peers) {
      for (let frame = await peer.frame(); frame !== undefined; frame = await peer.frame()) {
        if (frame.payload.toString().startsWith('{"re":')) continue;
        units.push(frame.payload);
        break;
      }
    }
    expect(units).toHaveLength(3);
    expect(new Set(units.map((unit) => unit.toString("hex"))).size).toBe(1);
    const tail = Buffer.from([0, 0, 0xff, 0xff]);
    const text = inflateRawSync(Buffer.concat([units[0] ?? tail, tail]), {
      finishFlush: constants.Z_SYNC_FLUSH,
    }).toString();
    expect((JSON.parse(text) as { items: unknown[] }).items).toHaveLength(4);
    for (const peer of peers) peer.reset();
  });
});
