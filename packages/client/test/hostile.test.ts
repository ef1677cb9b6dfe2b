/** Whatever a server sends, the SDK throws nothing, keeps its state in order, and goes on with a server that is well. */
import { encodeRecord, type CarillonError } from "@carillon/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readVectors } from "./read-vectors.ts";
import { World } from "./world.ts";

const encoder = new TextEncoder();

test.each<[string, string | Uint8Array]>([
  ["text that is no JSON", "hello"],
  ["half a message", '{"push":"items"'],
  ["a number", "7"],
  ["null", "null"],
  ["a list", "[]"],
  ["a binary frame that is cut", new Uint8Array([0, 0, 0, 9, 1])],
  ["binary garbage", new Uint8Array(1000).fill(255)],
  ["a head that is no UTF-8", encodeRecord("x", []).fill(255, 4, 5)],
  ["items without a position", '{"push":"items","channel":"chat:lobby","prev":"p0","items":[]}'],
  ["items with a position of nothing", '{"push":"items","channel":"chat:lobby","prev":"p0","pos":null,"items":[]}'],
  ["items that are no list", '{"push":"items","channel":"chat:lobby","prev":"p0","pos":"p1","items":{}}'],
  ["a gap to nowhere", '{"push":"gap","channel":"chat:lobby","from":"p0","to":7,"reason":"trimmed"}'],
  [
    "bytes that are not there",
    '{"push":"items","channel":"chat:lobby","prev":"p0","pos":"p1","items":[{"id":"a","at":1,"bytes":5}]}',
  ],
  [
    "bytes of a negative length",
    '{"push":"items","channel":"chat:lobby","prev":"p0","pos":"p1","items":[{"id":"a","at":1,"bytes":-5}]}',
  ],
  [
    "bytes of a length that is text",
    '{"push":"items","channel":"chat:lobby","prev":"p0","pos":"p1","items":[{"id":"a","at":1,"bytes":"x"}]}',
  ],
])("%s ends the connection, is told, and the client comes back", async (_, frame) => {
  const world = new World();
  const client = world.connect();
  const errors: CarillonError[] = [];
  const seen: string[] = [];
  client.on("error", (error) => errors.push(error));
  const lobby = client.channel("chat:lobby");
  lobby.on("publication", ({ id }) => seen.push(id));
  await world.settle();
  world.end.pushRaw(frame);
  await world.settle();
  expect(errors.map(({ code }) => code)).toEqual(["bad_message"]);
  expect(errors[0]?.cause).toBeInstanceOf(Error);
  expect(world.ends[0]?.clientClosed?.code).toBe(4502);
  expect(seen).toEqual([]);
  await world.advance(500);
  expect(client.state).toBe("connected");
  expect(lobby.position).toBe("p0");
});

test.each([
  ["a push that nobody knows", { push: "confetti", channel: "chat:lobby" }],
  ["a push without a channel", { push: "items" }],
  ["a channel that nobody asked for", { push: "items", channel: "__proto__", prev: null, pos: "p", items: [] }],
  ["a reply that nobody waits for", { re: 99, ok: {} }],
  ["a reply to a text", { re: "connect", ok: {} }],
  ["neither reply nor push", { hello: "world" }],
  ["a drain without a delay that is one", { push: "heartbeat", delayMs: "soon" }],
])("%s is passed over", async (_, message) => {
  const world = new World();
  const client = world.connect();
  client.channel("chat:lobby").on("publication", () => {});
  await world.settle();
  world.end.push(message);
  await world.settle();
  expect(client.state).toBe("connected");
  expect(world.ends).toHaveLength(1);
  expect(world.reported).toEqual([]);
});

test("items of an unknown form are passed over, and what has a wrong type is left out", async () => {
  const world = new World();
  const lobby = world.connect().channel("chat:lobby");
  const seen: unknown[] = [];
  lobby.on("publication", ({ id, publisher, tags, meta, expires, version }) =>
    seen.push({ id, publisher, tags, meta, expires, version }),
  );
  await world.settle();
  const wrong = { publisher: { user: 1, instance: {} }, tags: { a: 1 }, meta: ["x"], expires: "never", version: "2" };
  world.end.items("chat:lobby", "p0", "p1", [{ poll: 1 }, { id: 7 }, { id: "a", at: "noon", data: 1, ...wrong }]);
  await world.settle();
  expect(seen).toEqual([{ id: "a", publisher: undefined, tags: {}, meta: {}, expires: undefined, version: 1 }]);
  expect(lobby.position).toBe("p1");
});

test.each(["__proto__", "constructor", "toString"])("names and keys like %s are names and keys", async (name) => {
  const world = new World({ subscribe: ({ channel }) => ({ ok: { channel, kind: "state", pos: "p0", live: true } }) });
  const channel = world.connect().channel(name);
  channel.on("change", () => {});
  await world.settle();
  world.end.items(name, "p0", "p1", [{ key: name, version: 1, at: 1, data: { polluted: true } }]);
  await world.settle();
  expect(channel.get(name)).toEqual({ polluted: true });
  expect(({} as { polluted?: boolean }).polluted).toBe(undefined);
});

test("a server that subscribes it to everything does not fill its memory", async () => {
  const world = new World();
  const client = world.connect();
  let count = 0;
  client.on("subscribed", () => count++);
  await world.settle();
  for (let page = 0; page < 11; page++) {
    world.end.push(
      ...Array.from({ length: 1000 }, (_, n) => ({
        push: "subscribed",
        channel: `c:${page * 1000 + n}`,
        kind: "log",
        pos: "p",
        live: true,
      })),
    );
  }
  await world.settle();
  expect(count).toBe(10_000);
});

const VALUE = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0, 1e300, "", "p0", "p1", "state", "log", [], {}, "__proto__", [[]], {
    id: "a",
    bytes: 3,
  }),
  fc.string(),
  fc.double({ noNaN: true }),
);
const HEADS = ["replies", "pushes"] as const;
const heads = HEADS.flatMap((file) => readVectors(file)).flatMap(({ messages }) =>
  messages.map(({ head }) => head as object),
);

/** A message of the vectors in which some fields were replaced, at any depth. */
const MESSAGE = fc
  .record({ head: fc.constantFrom(...heads), at: fc.array(fc.tuple(fc.nat(), VALUE), { maxLength: 3 }), re: fc.nat(6) })
  .map(({ head, at, re }) => {
    const copy: Record<string, unknown> = { ...structuredClone(head) };
    if ("re" in copy) copy["re"] = re;
    if ("channel" in copy) copy["channel"] = re % 2 ? "chat:lobby" : "game:7";
    for (const [choice, value] of at) {
      let place = copy;
      for (let depth = 0; depth < 3; depth++) {
        const keys = Object.keys(place);
        const key = keys[(choice + depth) % keys.length];
        if (key === undefined) break;
        const inner = place[key];
        if (typeof inner !== "object" || inner === null || (choice + depth) % 3 === 0) {
          place[key] = structuredClone(value);
          break;
        }
        place = inner as Record<string, unknown>;
      }
    }
    return copy;
  });

test("no stream of broken messages throws, leaks a timer, or keeps it from a server that is well", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(MESSAGE, MESSAGE, fc.string()), { minLength: 1, maxLength: 30 }),
      async (messages) => {
        const world = new World({
          subscribe: () => null,
          publish: () => null,
          set: () => null,
          history: () => null,
          call: () => null,
        });
        const client = world.connect();
        const lobby = client.channel("chat:lobby");
        const game = client.channel("game:7");
        for (const channel of [lobby, game]) {
          for (const event of ["publication", "amend", "tombstone", "gap"] as const) channel.on(event, () => {});
          channel.on("change", () => {});
        }
        client.on("error", () => {});
        const open = [
          lobby.publish(1),
          game.set(2),
          lobby.history(),
          client.call("c", 1),
          lobby.erase("x"),
          game.set("k", 1, { expect: 0 }),
        ];
        const outcomes = Promise.allSettled(open);
        await world.settle();
        for (const message of messages) {
          if (world.ends.length === 0 || client.state === "disconnected") break;
          if (world.nowMs > 0 && client.state === "connecting") await world.advance(20_000);
          world.end.pushRaw(typeof message === "string" ? message : JSON.stringify(message));
          if (messages.length % 2) world.end.pushRaw(encodeRecord(JSON.stringify(message), [encoder.encode("bytes")]));
          await world.settle();
        }
        expect(["connected", "connecting"]).toContain(client.state);
        world.script = {};
        world.end.close();
        await world.advance(60_000);
        expect(client.state).toBe("connected");
        client.disconnect();
        await outcomes;
        expect(world.timers).toBe(0);
        expect(world.reported).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});
