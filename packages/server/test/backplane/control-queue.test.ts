import { beforeEach, describe, expect, it } from "vitest";
import type { ControlMessage } from "../../src/backplane/control.ts";
import { ControlQueue } from "../../src/backplane/control-queue.ts";

/** What was warned of, with its numbers. */
let warned: unknown[];
let queue: ControlQueue;
/** Whoever reads what the queue sends. */
let reader: ControlQueue;

const silent = (): void => {};
const logger = {
  debug: silent,
  info: silent,
  error: silent,
  warn: (message: string, fields?: object): void => void warned.push([message, fields]),
};

beforeEach(() => {
  warned = [];
  queue = new ControlQueue({ self: "n1", logger, broker: "Redis" });
  reader = new ControlQueue({ self: "n2", logger, broker: "Redis" });
});

const message = (user: string, reason: string = ""): ControlMessage => ({
  type: "disconnect",
  user,
  code: 4_501,
  reason,
});

function push(from: number, to: number, reason: string = ""): void {
  for (let index = from; index < to; index += 1) queue.push(message(`u${index}`, reason));
}

/** Who is named by a batch. */
function users(batch: string | null): string[] {
  return reader.read(batch ?? "").map((found) => (found.type === "disconnect" ? found.user : found.type));
}

/** Takes out everything, in batches. */
function drain(): string[][] {
  const batches: string[][] = [];
  for (let batch = queue.next(); batch !== null; batch = queue.next()) {
    batches.push(users(batch));
    queue.sent();
  }
  return batches;
}

describe("a control queue", () => {
  it("sends in order, as many at once as a batch takes", () => {
    push(0, 1_201);
    const batches = drain();
    expect(batches.map(({ length }) => length)).toEqual([500, 500, 201]);
    expect(batches.flat()).toEqual(Array.from({ length: 1_201 }, (_, index) => `u${index}`));
    expect(queue.isEmpty).toBe(true);
  });

  it("sends fewer at once if they are long, and one that is longer than a batch by itself", () => {
    push(0, 4, "x".repeat(30_000));
    push(4, 5, "x".repeat(100_000));
    push(5, 6);
    expect(drain()).toEqual([["u0", "u1"], ["u2", "u3"], ["u4"], ["u5"]]);
  });

  it("makes batches as small as the broker wants them, and lets go of a message that is larger by itself, saying so", () => {
    queue = new ControlQueue({ self: "n1", logger, broker: "NATS", bytesMax: () => 1_000 });
    push(0, 1);
    push(1, 2, "é".repeat(500));
    push(2, 30);
    const sizes: number[] = [];
    const found: string[] = [];
    for (let batch = queue.next(); batch !== null; batch = queue.next()) {
      sizes.push(Buffer.byteLength(batch));
      found.push(...users(batch));
      queue.sent();
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
    expect(Math.max(...sizes)).toBeGreaterThan(900);
    expect(found).toEqual(["u0", "missed", ...Array.from({ length: 28 }, (_, index) => `u${index + 2}`)]);
    const text = "A message to other nodes was dropped: NATS takes none of that size.";
    expect(warned).toEqual([[text, { bytes: 1_058 }]]);
    push(0, 1, "é".repeat(500));
    expect(drain()).toEqual([["missed"]]);
    queue.push({ type: "ask", id: "a1", from: "n1", name: "online", input: "é".repeat(500) });
    expect(queue.next()).toBe(null);
    expect(queue.isEmpty).toBe(true);
  });

  it("hands out the same batch until it is sent, whatever comes meanwhile", () => {
    push(0, 2);
    const batch = queue.next();
    push(2, 3);
    expect(queue.next()).toBe(batch);
    expect(queue.isEmpty).toBe(false);
    queue.sent();
    expect(drain()).toEqual([["u2"]]);
    expect(queue.isEmpty).toBe(true);
  });

  it("lets go of the oldest that waits when there are too many, and tells other nodes so; the log when it begins, and how many", () => {
    push(0, 10_003);
    expect(warned).toEqual([["Messages to other nodes are dropped: too many wait for Redis.", undefined]]);
    const [first] = drain();
    expect(first?.slice(0, 3)).toEqual(["missed", "u3", "u4"]);
    expect(warned.slice(1)).toEqual([
      ["Messages to other nodes were dropped: too many waited for Redis.", { dropped: 3 }],
    ]);
  });

  it("tells nobody of surveys that it lets go of: whoever asks does not wait for ever", () => {
    for (let count = 0; count < 10_003; count += 1)
      queue.push({ type: "ask", id: `a${count}`, from: "n1", name: "online", input: null });
    expect(drain().flat()).toHaveLength(10_000);
    expect(warned).toHaveLength(2);
  });

  it("takes nothing out of a batch that is on its way, though what waits behind it is dropped, equal or not", () => {
    for (let count = 0; count < 600; count += 1) queue.push(message("same"));
    expect(users(queue.next())).toHaveLength(500);
    // All but the last of those that are like it go.
    push(0, 9_999);
    queue.sent();
    const rest = drain().flat();
    expect(rest).toHaveLength(10_001);
    expect(rest.slice(0, 3)).toEqual(["missed", "same", "u0"]);
    expect(rest.at(-1)).toBe("u9998");
  });

  it("holds no more characters than it may", () => {
    push(0, 300, "x".repeat(65_536));
    const rest = drain().flat();
    expect(rest[0]).toBe("missed");
    expect(rest.length).toBeGreaterThan(200);
    expect(rest.length).toBeLessThanOrEqual(256);
    expect(rest.at(-1)).toBe("u299");
  });

  it("reads what other nodes have sent, and nothing of its own", () => {
    push(0, 2);
    const batch = queue.next() ?? "";
    expect(reader.read(batch)).toEqual([message("u0"), message("u1")]);
    expect(queue.read(batch)).toEqual([]);
    expect(reader.read('["n3",[{"type":"later"},7,null]]')).toEqual([{ type: "later" }]);
    for (const none of ["", "7", "{}", "[1,[]]", '["n3",{}]']) expect(() => reader.read(none)).toThrow(/batch|JSON/);
  });
});
