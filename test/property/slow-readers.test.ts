import { defineContract, log, state, type Schema } from "@carillon/protocol";
import {
  createKernel,
  DEFAULT_LIMITS,
  VirtualWorld,
  type Kernel,
  type MemoryConnection,
} from "@carillon/server/testing";
import { beforeEach, describe, expect, it } from "vitest";

const ANYTHING: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
const CONTRACT = defineContract({
  channels: {
    "news:{id}": log({ data: ANYTHING, history: { size: 100_000 } }),
    "map:{id}": state({ value: ANYTHING, owned: false }),
  },
});
/** What a network holds for a reader who does not read. */
const BUFFER_BYTES = 50_000;
const PUBLICATIONS = 20_000;
const KEYS = 500;
const ROUNDS = 200;

let world: VirtualWorld;
let kernel: Kernel;

beforeEach(() => {
  world = new VirtualWorld();
  // A reader may stall for longer here than a real one may: that it is closed some day is another test's business.
  kernel = createKernel({ world, contract: CONTRACT, limits: { stallTimeoutMs: 3_600_000 } });
});

interface Push {
  readonly push?: string;
  readonly items?: readonly {
    readonly id?: string;
    readonly key?: string;
    readonly version?: number;
    readonly data?: unknown;
  }[];
}

/** Connects, subscribes and reads what comes at once. */
function subscribe(channel: string): MemoryConnection {
  const connection = kernel.accept({ bufferBytes: BUFFER_BYTES });
  connection.send(JSON.stringify({ cmd: "connect", id: 1, ticket: kernel.ticket("ada") }));
  connection.send(JSON.stringify({ cmd: "subscribe", id: 2, channel }));
  connection.deliver();
  world.settle();
  const replies = read(connection).filter((message) => "ok" in message);
  expect(replies).toHaveLength(2);
  return connection;
}

/** Reads until nothing more comes. */
function read(connection: MemoryConnection): Push[] {
  const pushes: Push[] = [];
  for (let received = connection.read(); received.length > 0; received = connection.read()) {
    for (const frame of received) {
      expect(frame.type, "the reader is not closed").toBe("text");
      if (frame.type === "text") pushes.push(JSON.parse(frame.payload) as Push);
    }
    world.settle();
  }
  return pushes;
}

function itemsOf(pushes: readonly Push[]): NonNullable<Push["items"]>[number][] {
  return pushes.flatMap(({ items = [] }) => items);
}

/** Publishes as fast as it can, a hundred in a tick, and lets somebody read in between. */
function load(readers: readonly MemoryConnection[], act: (index: number) => void, count: number): Push[][] {
  const seen = readers.map((): Push[] => []);
  for (let index = 0; index < count; index++) {
    act(index);
    if (index % 100 !== 99) continue;
    world.advance(10);
    readers.forEach((reader, place) => seen[place]?.push(...read(reader)));
  }
  return seen;
}

function publish(index: number): void {
  const target = kernel.node.target("news:a");
  if (target === null) return;
  kernel.node.append({
    channel: "news:a",
    options: target.options,
    id: `p${index}`,
    data: JSON.stringify(`${index} ${"x".repeat(150)}`),
    publisher: null,
    amend: null,
    tags: null,
    meta: null,
    idempotency: null,
    expiresInMs: 0,
    version: 1,
    done: () => {},
  });
}

function set(index: number): void {
  const target = kernel.node.target("map:a");
  if (target === null) return;
  const change = { op: "set", key: `k${index % KEYS}`, data: JSON.stringify(`${index} ${"x".repeat(150)}`) } as const;
  kernel.node.apply({
    channel: "map:a",
    options: target.options,
    done: () => {},
    change: { ...change, expect: null, owner: null, holder: null, ownOnly: false },
  });
}

/** The most that one page holds in a connection's queue: its payloads, and what stands around each of them. */
const PAGE_BYTES_MAX = DEFAULT_LIMITS.pageBytes + DEFAULT_LIMITS.pageItems * 100;

describe("A stalled reader", () => {
  it("of a log gets everything to the last publication once it wakes, and costs no more than its outbox and a page", () => {
    const [stalled, awake] = [subscribe("news:a"), subscribe("news:a")];
    const [seen = []] = load([awake], publish, PUBLICATIONS);
    expect(itemsOf(seen).map(({ id }) => id)).toEqual(Array.from({ length: PUBLICATIONS }, (_, index) => `p${index}`));

    const held = stalled.queuedBytesMax;
    const late = itemsOf(read(stalled)).map(({ id }) => id);
    expect(late).toEqual(Array.from({ length: PUBLICATIONS }, (_, index) => `p${index}`));
    expect(stalled.queuedBytesMax).toBeLessThanOrEqual(DEFAULT_LIMITS.outboxBytes + PAGE_BYTES_MAX);
    expect(held).toBeGreaterThan(0);
    console.log(
      `Stalled reader of a log: ${PUBLICATIONS} publications missed, ${held} bytes held while it stalled, ` +
        `${stalled.queuedBytesMax} at most while it caught up (outbox ${DEFAULT_LIMITS.outboxBytes}, page ${DEFAULT_LIMITS.pageBytes}).`,
    );

    publish(PUBLICATIONS);
    world.settle();
    expect(itemsOf(read(stalled)).map(({ id }) => id)).toEqual([`p${PUBLICATIONS}`]);
    expect(kernel.node.metrics.catchingUp).toBe(0);
  });

  it("of a state gets the latest values alone once it wakes, and costs no more than its outbox and a page", () => {
    const [stalled, awake] = [subscribe("map:a"), subscribe("map:a")];
    load([awake], set, KEYS * ROUNDS);

    const held = stalled.queuedBytesMax;
    const late = itemsOf(read(stalled));
    // What was on its way when it stalled it reads first; behind that stands each key once, with its latest value.
    const latest = late.slice(-KEYS);
    expect(new Set(latest.map(({ key }) => key)).size).toBe(KEYS);
    for (const { data } of latest)
      expect(Number(String(data).split(" ")[0])).toBeGreaterThanOrEqual(KEYS * (ROUNDS - 1));
    expect(late.length).toBeLessThan(KEYS * 10);
    expect(stalled.queuedBytesMax).toBeLessThanOrEqual(DEFAULT_LIMITS.outboxBytes + PAGE_BYTES_MAX);
    console.log(
      `Stalled reader of a state: ${KEYS * ROUNDS} changes of ${KEYS} keys missed, ${late.length} items read after it woke, ` +
        `${held} bytes held while it stalled (outbox ${DEFAULT_LIMITS.outboxBytes}, page ${DEFAULT_LIMITS.pageBytes}).`,
    );
    expect(kernel.node.metrics.catchingUp).toBe(0);
  });

  it("holds up nobody else, and is closed as slow when it takes nothing for too long", () => {
    kernel = createKernel({ world, contract: CONTRACT });
    const stalled = subscribe("news:a");
    load([], publish, 5_000);
    expect(stalled.queuedBytes).toBeGreaterThan(0);
    world.advance(DEFAULT_LIMITS.stallTimeoutMs + 2 * DEFAULT_LIMITS.heartbeatMs);
    const end = stalled.read().at(-1);
    expect(end).toMatchObject({ type: "closed", code: 4001 });
    expect(kernel.node.metrics).toMatchObject({ connections: 0, subscriptions: 0, slowClosed: 1 });
  });
});
