import { beforeEach, describe, expect, it } from "vitest";
import { Joiner, Outbox } from "../../src/session/outbox.ts";
import { MemoryConnection } from "../../src/testing/memory-connection.ts";

const BYTES_MAX = 100;

let dirty: Outbox[];
let rooms: number;

beforeEach(() => {
  dirty = [];
  rooms = 0;
});

function connect(bufferBytes = 0): MemoryConnection {
  return new MemoryConnection({ id: "c", endOfTick: () => {}, bufferBytes });
}

function outboxOf(connection: MemoryConnection): Outbox {
  return new Outbox(connection, { dirty: (outbox) => void dirty.push(outbox) }, BYTES_MAX, { drained: () => rooms++ });
}

function frame(connection: MemoryConnection, text: string): Uint8Array {
  return connection.framing.text(text);
}

describe("An outbox", () => {
  it("asks once a tick to be written, and writes what it has in one go", () => {
    const connection = connect();
    const outbox = outboxOf(connection);
    outbox.push(frame(connection, "one"));
    outbox.push(frame(connection, "two"));
    expect(dirty).toEqual([outbox]);
    expect(outbox.endTick(new Joiner())).toBe(16);
    outbox.push(frame(connection, "three"));
    expect(dirty).toHaveLength(2);
  });

  it("takes units up to its bound, one of any size when it is empty, and replies always", () => {
    const connection = connect();
    const outbox = outboxOf(connection);
    expect(outbox.offer(new Uint8Array(60))).toBe(true);
    expect(outbox.offer(new Uint8Array(41))).toBe(false);
    expect(outbox.offer(new Uint8Array(40))).toBe(true);
    outbox.push(new Uint8Array(5));
    expect(outbox.bytes).toBe(105);
    outbox.endTick(new Joiner());
    expect(outbox.offer(new Uint8Array(1))).toBe(false);
    expect(outboxOf(connect()).offer(new Uint8Array(1_000))).toBe(true);
  });

  it("takes messages of a sender who stops when it is full, whatever their size", () => {
    const outbox = outboxOf(connect());
    expect(outbox.accept(new Uint8Array(99))).toBe(true);
    expect(outbox.isFull).toBe(false);
    expect(outbox.accept(new Uint8Array(1_000))).toBe(true);
    expect(outbox.isFull).toBe(true);
    expect(outbox.accept(new Uint8Array(1))).toBe(false);
  });

  it("tells of the room that writing made, since nothing is told of bytes that were taken at once", () => {
    const connection = connect(1_000);
    const outbox = outboxOf(connection);
    outbox.push(new Uint8Array(500));
    expect(outbox.isFull).toBe(true);
    outbox.endTick(new Joiner());
    expect(rooms).toBe(1);
    outbox.push(new Uint8Array(10));
    outbox.endTick(new Joiner());
    expect(rooms).toBe(1);
  });

  it("leaves it to the connection to tell of the room that the peer makes", () => {
    const connection = connect(0);
    const outbox = outboxOf(connection);
    outbox.push(new Uint8Array(500));
    outbox.endTick(new Joiner());
    expect(rooms).toBe(0);
    expect(outbox.isFull).toBe(true);
  });

  it("forgets what it has when the permission to see it is gone", () => {
    const connection = connect();
    const outbox = outboxOf(connection);
    outbox.push(new Uint8Array(10));
    outbox.clear();
    expect(outbox.endTick(new Joiner())).toBe(0);
    expect(connection.queuedBytes).toBe(0);
  });
});

describe("A joiner", () => {
  it("gives connections with the same list one joined buffer, and others their own", () => {
    const connections = [1, 2, 3, 4].map(() => connect(Infinity));
    const frames = ["one", "two"].map((text) => frame(connect(), text));
    const other = [...frames, frame(connect(), "three")];
    const written: (Uint8Array | readonly Uint8Array[])[] = [];
    const joiner = new Joiner();
    connections.forEach((connection, index) => {
      const { write, writeAll } = connection;
      connection.write = (bytes) => {
        written.push(bytes);
        write.call(connection, bytes);
      };
      connection.writeAll = (list) => {
        written.push(list);
        writeAll.call(connection, list);
      };
      joiner.write(connection, index === 3 ? other : [...frames]);
    });
    const texts = connections.map((connection) =>
      connection.read().map((received) => "payload" in received && received.payload),
    );
    expect(texts).toEqual([
      ["one", "two"],
      ["one", "two"],
      ["one", "two"],
      ["one", "two", "three"],
    ]);
    const joined = written.filter((bytes) => bytes instanceof Uint8Array);
    expect(joined).toHaveLength(2);
    expect(joined[0]).toBe(joined[1]);
  });
});
