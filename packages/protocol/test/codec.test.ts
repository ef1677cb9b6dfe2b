import {
  ERROR_CODES,
  decodeBinary,
  decodeText,
  encodeRecord,
  type Command,
  type Decoded,
  type Push,
} from "@carillon/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVectors, type Frame } from "./vectors.ts";

const MESSAGES_MAX = 64;

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function decode(frame: Frame, messagesMax: number = MESSAGES_MAX): Decoded[] {
  return frame.text === undefined ? decodeBinary(fromHex(frame.hex), messagesMax) : decodeText(frame.text, messagesMax);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const exact = (["commands", "replies", "pushes"] as const).flatMap((family) =>
  readVectors(family).map((vector) => ({ family, ...vector })),
);

describe("golden vectors", () => {
  it.each([...exact, ...readVectors("spellings").map((vector) => ({ family: "spellings", ...vector }))])(
    "$family, $name: the frame decodes to the messages",
    ({ frame, messages }) => {
      const decoded = decode(frame).map(({ head, body }) => ({ head, body: toHex(body) }));
      expect(decoded).toStrictEqual(messages.map(({ head, body = "" }) => ({ head, body })));
    },
  );

  it.each(exact)("$family, $name: the messages encode to the frame", ({ frame, messages }) => {
    if (frame.text === undefined) {
      const records = messages.map(({ head, body = "" }) => encodeRecord(JSON.stringify(head), [fromHex(body)]));
      expect(toHex(concat(records))).toBe(frame.hex);
    } else {
      expect(messages.map(({ head }) => JSON.stringify(head)).join("\n")).toBe(frame.text);
    }
  });

  it.each(exact.filter(({ frame }) => frame.hex !== undefined))(
    "$family, $name: the body is as long as the items say",
    ({ messages }) => {
      for (const { head, body = "" } of messages) {
        const lengths = [...JSON.stringify(head).matchAll(/"bytes":(\d+)/g)].map((found) => Number(found[1]));
        expect(body.length / 2).toBe(lengths.reduce((sum, length) => sum + length, 0));
      }
    },
  );

  it.each(readVectors("refused-frames"))("refused: $name", ({ frame, error, messagesMax }) => {
    expect(() => decode(frame, messagesMax)).toThrow(expect.objectContaining({ name: error }));
  });

  it.each(readVectors("refused-commands"))("refused command, $name: decodes to one message", ({ frame, code }) => {
    expect(decode(frame)).toHaveLength(1);
    expect(Object.keys(ERROR_CODES)).toContain(code);
  });

  it("cover every command and every push", () => {
    // Written as tables so that a new message does not compile without its line here.
    const commands: Record<Command["cmd"], true> = {
      connect: true,
      refresh: true,
      subscribe: true,
      unsubscribe: true,
      publish: true,
      amend: true,
      history: true,
      set: true,
      remove: true,
      call: true,
      pong: true,
      ping: true,
    };
    const pushes: Record<Push["push"], true> = {
      items: true,
      gap: true,
      live: true,
      subscribed: true,
      unsubscribed: true,
      heartbeat: true,
      drain: true,
    };
    const seen = new Set(exact.flatMap(({ messages }) => messages.map(({ head }) => nameOf(head))));
    expect([...Object.keys(commands), ...Object.keys(pushes)].filter((name) => !seen.has(name))).toStrictEqual([]);
  });
});

function nameOf(head: unknown): unknown {
  if (typeof head !== "object" || head === null) return undefined;
  return "cmd" in head ? head.cmd : "push" in head ? head.push : undefined;
}

describe("the text frame", () => {
  it("gives back every list of JSON messages", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: MESSAGES_MAX }), (heads) => {
        const text = heads.map((head) => JSON.stringify(head)).join("\n");
        const decoded = decodeText(text, MESSAGES_MAX).map(({ head }) => JSON.stringify(head));
        expect(decoded).toStrictEqual(heads.map((head) => JSON.stringify(head)));
      }),
    );
  });

  it("takes as many messages as it may and not one more", () => {
    const pongs = (count: number): string => Array<string>(count).fill('{"cmd":"pong"}').join("\n");
    expect(decodeText(pongs(MESSAGES_MAX), MESSAGES_MAX)).toHaveLength(MESSAGES_MAX);
    expect(() => decodeText(pongs(MESSAGES_MAX + 1), MESSAGES_MAX)).toThrow("at most 64 messages");
  });

  it("stops at the bound without reading what follows it", () => {
    expect(() => decodeText('{"cmd":"pong"}\nnot JSON', 1)).toThrow("at most 1 messages");
  });

  it("fails for any other text with an error and nothing worse", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(outcomeOf(() => decodeText(text, MESSAGES_MAX))).toMatch(/^(decoded|SyntaxError|Error)$/);
      }),
    );
  });

  it("survives a megabyte of brackets", () => {
    const text = "[".repeat(1_000_000);
    expect(outcomeOf(() => decodeText(text, MESSAGES_MAX))).toMatch(/^(SyntaxError|RangeError)$/);
  });
});

describe("the binary frame", () => {
  const records = fc.array(fc.tuple(fc.jsonValue(), fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 4 })), {
    maxLength: 8,
  });

  it("gives back every list of heads with their bodies", () => {
    fc.assert(
      fc.property(records, (list) => {
        const frame = concat(list.map(([head, bodies]) => encodeRecord(JSON.stringify(head), bodies)));
        const decoded = decodeBinary(frame, MESSAGES_MAX).map(({ head, body }) => [JSON.stringify(head), toHex(body)]);
        expect(decoded).toStrictEqual(list.map(([head, bodies]) => [JSON.stringify(head), toHex(concat(bodies))]));
      }),
    );
  });

  it("reads a frame that is a view into a larger buffer", () => {
    const record = encodeRecord('{"cmd":"pong"}', [fromHex("beef")]);
    const buffer = concat([fromHex("ffffffffff"), record, fromHex("ffffffff")]);
    const [message] = decodeBinary(buffer.subarray(5, 5 + record.byteLength), MESSAGES_MAX);
    expect(message?.head).toStrictEqual({ cmd: "pong" });
    expect(toHex(message?.body ?? new Uint8Array(0))).toBe("beef");
  });

  it("gives bodies that are views of the frame", () => {
    const frame = encodeRecord("null", [fromHex("01")]);
    const [message] = decodeBinary(frame, MESSAGES_MAX);
    expect(message?.body.buffer).toBe(frame.buffer);
  });

  it("refuses every frame that was cut short", () => {
    const frame = concat([encodeRecord('{"cmd":"pong"}', []), encodeRecord('"Gr\u00fc\u00dfe"', [fromHex("beef")])]);
    const whole = [0, 22];
    for (let length = 0; length < frame.byteLength; length += 1) {
      const outcome = outcomeOf(() => decodeBinary(frame.subarray(0, length), MESSAGES_MAX));
      expect([length, outcome]).toStrictEqual([length, whole.includes(length) ? "decoded" : "Error"]);
    }
  });

  it("fails for any other bytes with an error and nothing worse", () => {
    const short = fc.uint8Array({ maxLength: 200 });
    // Small lengths in front get past the first checks more often than noise does.
    const plausible = fc
      .tuple(fc.nat({ max: 12 }), short)
      .map(([length, rest]) => concat([new Uint8Array([0, 0, 0, length]), rest]));
    fc.assert(
      fc.property(fc.oneof(short, plausible), (frame) => {
        const outcome = outcomeOf(() => decodeBinary(frame, MESSAGES_MAX));
        expect(outcome).toMatch(/^(decoded|SyntaxError|TypeError|Error)$/);
      }),
    );
  });

  it("never decodes a frame with one damaged byte to the same messages", () => {
    const frame = encodeRecord('{"cmd":"pong"}', [fromHex("beef")]);
    const intact = JSON.stringify(readable(frame));
    fc.assert(
      fc.property(fc.nat({ max: frame.byteLength - 1 }), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const damaged = frame.slice();
        damaged[place] = (damaged[place] ?? 0) ^ change;
        expect(JSON.stringify(readable(damaged))).not.toBe(intact);
      }),
    );
  });
});

function readable(frame: Uint8Array): unknown {
  try {
    return decodeBinary(frame, MESSAGES_MAX).map(({ head, body }) => [head, toHex(body)]);
  } catch (error) {
    return String(error);
  }
}

function outcomeOf(action: () => unknown): string {
  try {
    action();
    return "decoded";
  } catch (error) {
    return error instanceof Error ? error.name : "not an error";
  }
}
