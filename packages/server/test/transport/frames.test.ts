import type { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import * as ws from "ws";
import { FrameScanner } from "../../src/transport/frame-scanner.ts";
import { binaryFrame, textFrame, WEBSOCKET_FRAMING } from "../../src/transport/frames.ts";
import { clientFrame, closeFrame } from "./raw-peer.ts";

/** The parser of `ws`, which its types do not name. */
const Receiver = Reflect.get(ws, "Receiver") as new (options: { readonly isServer: boolean }) => Writable;

/** What the parser of `ws` makes of frames, as a client. */
async function parse(frames: Uint8Array): Promise<readonly (readonly [data: Buffer, isBinary: boolean])[]> {
  const messages: (readonly [Buffer, boolean])[] = [];
  const receiver = new Receiver({ isServer: false });
  receiver.on("message", (data: Buffer, isBinary: boolean) => messages.push([data, isBinary]));
  await new Promise<void>((resolve, reject) => {
    receiver.on("error", reject);
    receiver.write(frames, () => resolve());
  });
  return messages;
}

describe("a frame of the server", () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])(
    "of %i bytes has the shortest head and the payload",
    async (length) => {
      const text = "x".repeat(length);
      const bytes = Buffer.alloc(length, 0xfe);
      const headBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
      expect(textFrame(text).byteLength).toBe(headBytes + length);
      expect(await parse(Buffer.concat([textFrame(text), binaryFrame(bytes)]))).toEqual([
        [Buffer.from(text), false],
        [bytes, true],
      ]);
    },
  );

  it("measures text in bytes, not in characters", async () => {
    const text = "𝄞 é".repeat(40);
    const [message] = await parse(textFrame(text));
    expect(message?.[0].toString()).toBe(text);
  });

  it("stays as it was while others are made, whatever the bytes of its characters", async () => {
    const texts = Array.from({ length: 400 }, (_, index) => ["x", "é", "€", "𝄞"][index % 4]!.repeat(index));
    const frames = texts.map((text) => textFrame(text));
    const messages = await parse(Buffer.concat(frames));
    expect(messages.map(([data]) => data.toString())).toEqual(texts);
    for (const [index, frame] of frames.entries()) {
      const length = Buffer.byteLength(texts[index]!);
      expect(frame.byteLength).toBe(length + (length < 126 ? 2 : 4));
    }
  });

  it("carries lone surrogates as U+FFFD, since a peer would close on anything else", async () => {
    const [message] = await parse(WEBSOCKET_FRAMING.text("a\ud800b"));
    expect(message?.[0].toString()).toBe("a\ufffdb");
  });

  it("copies its payload", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const frame = WEBSOCKET_FRAMING.binary(bytes);
    bytes.fill(0);
    expect([...frame]).toEqual([0x82, 3, 1, 2, 3]);
  });
});

describe("the scanner of incoming frames", () => {
  const stream = Buffer.concat([
    clientFrame(0x1, "one"),
    clientFrame(0x1, "", { isFinal: false }),
    clientFrame(0x9, "ping"),
    clientFrame(0x0, "x".repeat(300), { isFinal: false }),
    clientFrame(0x0, "two"),
    clientFrame(0x2, "y".repeat(70_000)),
    clientFrame(0x1, ""),
  ]);

  it("counts messages and fragments alike wherever the stream is cut", () => {
    for (const size of [1, 2, 3, 5, 7, 13, 64, 1_000, stream.length]) {
      const scanner = new FrameScanner();
      let messages = 0;
      let fragments = 0;
      for (let at = 0; at < stream.length; at += size) {
        scanner.scan(stream.subarray(at, at + size));
        messages += scanner.messages;
        fragments = Math.max(fragments, scanner.fragments);
      }
      expect([messages, scanner.fragments, scanner.isBroken], `cut every ${size} bytes`).toEqual([4, 0, false]);
      if (size < 300) expect(fragments).toBeGreaterThanOrEqual(2);
    }
  });

  it("sees the same in a frame that comes alone as in one that comes in pieces", () => {
    const frames = [
      ...[0, 1, 125, 126, 65_535, 65_536].map((length) => clientFrame(0x2, Buffer.alloc(length))),
      clientFrame(0x1, "x".repeat(100), { lengthBytes: 2 }),
      clientFrame(0x1, "part", { isFinal: false }),
      clientFrame(0x9, "ping"),
      clientFrame(0x8, ""),
      clientFrame(0x1, "unmasked", { isMasked: false }),
      clientFrame(0x1, "reserved", { reserved: 0x40 }),
    ];
    for (const frame of frames) {
      const [whole, pieces] = [new FrameScanner(), new FrameScanner()];
      whole.scan(frame);
      let messages = 0;
      for (const byte of frame) {
        pieces.scan(Uint8Array.of(byte));
        messages += pieces.messages;
      }
      expect([whole.messages, whole.fragments, whole.isBroken]).toEqual([messages, pieces.fragments, pieces.isBroken]);
    }
  });

  it.each([
    ["125 bytes written with 16 bits", clientFrame(0x1, "x".repeat(125), { lengthBytes: 2 })],
    ["no bytes written with 64 bits", clientFrame(0x1, "", { lengthBytes: 8 })],
    ["65,535 bytes written with 64 bits", clientFrame(0x2, Buffer.alloc(65_535), { lengthBytes: 8 })],
  ])("finds a length of %s, and the messages before it", (_what, frame) => {
    const scanner = new FrameScanner();
    scanner.scan(Buffer.concat([clientFrame(0x1, "before"), frame, clientFrame(0x1, "behind")]));
    expect([scanner.isBroken, scanner.messages]).toEqual([true, 1]);
  });

  it.each([
    ["126 bytes written with 16 bits", clientFrame(0x1, "x".repeat(126))],
    ["65,535 bytes written with 16 bits", clientFrame(0x2, Buffer.alloc(65_535))],
    ["65,536 bytes written with 64 bits", clientFrame(0x2, Buffer.alloc(65_536))],
  ])("takes a length of %s", (_what, frame) => {
    const scanner = new FrameScanner();
    scanner.scan(frame);
    expect([scanner.isBroken, scanner.messages]).toEqual([false, 1]);
  });

  it("has no opinion on what comes behind a frame that the parser refuses, or behind a close", () => {
    const broken = clientFrame(0x1, "", { lengthBytes: 2 });
    const ends = [
      clientFrame(0x1, "unmasked", { isMasked: false }),
      clientFrame(0x1, "reserved bit", { reserved: 0x40 }),
      clientFrame(0x3, "reserved opcode"),
      clientFrame(0xb, "reserved control opcode"),
      clientFrame(0x0, "nothing to continue"),
      clientFrame(0x9, "a ping in parts", { isFinal: false }),
      clientFrame(0x9, "x".repeat(126)),
      closeFrame(1000),
    ];
    for (const end of ends) {
      const scanner = new FrameScanner();
      scanner.scan(Buffer.concat([end, broken]));
      scanner.scan(broken);
      expect(scanner.isBroken).toBe(false);
    }
  });
});
