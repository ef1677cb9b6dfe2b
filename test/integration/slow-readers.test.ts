import { defineContract, log, state } from "@carillon/protocol";
import { createCarillon, DEFAULT_LIMITS, SILENT_LOGGER } from "@carillon/server";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Child } from "../support/child.ts";
import { serve } from "../support/serve.ts";
import type { StalledOrder, StalledReport } from "../support/stalled-server.ts";
import { WireClient, type WireItem } from "../support/wire-client.ts";

const contract = defineContract({
  channels: {
    "feed:{name}": log({ data: v.object({ n: v.number(), pad: v.string() }), history: { size: 5_000 } }),
    "cells:{name}": state({ value: v.object({ n: v.number(), pad: v.string() }), owned: false }),
  },
});
/** Large, so that the buffers of the operating system are full soon. */
const PAD = "x".repeat(16_000);
/** More than any system buffers for one socket. */
const MESSAGES_MAX = 4_000;
/** A reader counts as stalled when it has been catching up for this many messages. */
const STALLED_FOR = 50;

function start() {
  return createCarillon({
    contract,
    user: v.object({ id: v.string() }),
    authorize: { "feed:{name}": () => ({ subscribe: true }), "cells:{name}": () => ({ subscribe: true }) },
    logger: SILENT_LOGGER,
    // What is slow on purpose is not to be closed for it.
    limits: { heartbeatMs: 600_000, stallTimeoutMs: 600_000 },
  });
}

/** Does something again and again until the only slow reader is on its own, and stays so; returns how often. */
async function untilStalled(carillon: ReturnType<typeof start>, act: (n: number) => Promise<unknown>): Promise<number> {
  let catchingUpFor = 0;
  for (let n = 0; n < MESSAGES_MAX; n++) {
    await act(n);
    catchingUpFor = carillon.metrics.catchingUp === 1 ? catchingUpFor + 1 : 0;
    if (catchingUpFor === STALLED_FOR) return n + 1;
  }
  throw new Error(`Expected a reader that does not read to stall within ${MESSAGES_MAX} messages.`);
}

function numberIn({ data }: WireItem): number {
  if (typeof data === "object" && data !== null && "n" in data) return Number(data.n);
  throw new Error("Expected data with a number.");
}

/** Connects a reader and subscribes it. What it is told fills as it comes; `breaks` counts pushes that don't link (P1). */
async function subscribed(url: string, ticket: string, channel: string) {
  const client = await WireClient.connect(url, ticket);
  const heard = { items: [] as WireItem[], others: [] as string[], breaks: 0 };
  let position: unknown;
  client.on(({ ok, push, items = [], reset, prev, pos, ...message }) => {
    if (ok?.["channel"] === channel) position = ok["pos"];
    if (message.channel !== channel) return;
    if (push === "items") {
      if (reset !== true && prev !== null && prev !== position) heard.breaks += 1;
      position = pos;
      heard.items.push(...items);
    } else heard.others.push(push ?? "");
  });
  await client.command({ cmd: "subscribe", channel });
  return { client, heard };
}

describe("a reader that stalls", () => {
  it("on a log, has every message to the last after it wakes, and holds up nobody", async () => {
    const carillon = start();
    await using serving = await serve(carillon);
    const ticket = (): Promise<string> => carillon.tickets.issue({ user: { id: "ada" } });
    const slow = await subscribed(serving.url("/realtime"), await ticket(), "feed:a");
    const quick = await subscribed(serving.url("/realtime"), await ticket(), "feed:a");
    slow.client.ws.pause();
    const publish = (n: number): Promise<unknown> => carillon.publish("feed:a", { n, pad: PAD });
    const stalledAt = await untilStalled(carillon, publish);
    const count = stalledAt + 200;
    for (let n = stalledAt; n < count; n++) await publish(n);

    await expect.poll(() => quick.heard.items.length).toBe(count);
    expect(carillon.metrics.catchingUp).toBe(1);
    expect(slow.heard.items.length).toBeLessThan(stalledAt);
    const live = slow.client.next(({ push }) => push === "live");
    slow.client.ws.resume();
    await live;
    await expect.poll(() => slow.heard.items.length).toBe(count);
    const all = Array.from({ length: count }, (_, n) => n);
    expect(slow.heard.items.map(numberIn)).toEqual(all);
    expect(quick.heard.items.map(numberIn)).toEqual(all);
    // It may fall behind and catch up more than once before all is taken; nothing but that may be told.
    expect(slow.heard).toMatchObject({ breaks: 0 });
    expect(new Set(slow.heard.others)).toEqual(new Set(["live"]));
    expect(quick.heard).toMatchObject({ others: [], breaks: 0 });
    expect(carillon.metrics).toMatchObject({ catchingUp: 0, gaps: 0, slowClosed: 0 });
    console.log(`log: stalled after ${stalledAt} messages of 16 kB, then read all of ${count}`);
  });

  it("on a state channel, has the latest value of each key after it wakes, and none in between", async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);
    const carillon = start();
    await using serving = await serve(carillon);
    const ticket = await carillon.tickets.issue({ user: { id: "ada" } });
    const { client, heard } = await subscribed(serving.url("/realtime"), ticket, "cells:a");
    await expect.poll(() => carillon.metrics.catchingUp).toBe(0);
    client.ws.pause();
    let version = 0;
    const set = async (n: number): Promise<void> => {
      version = await carillon.set("cells:a", keys[n % keys.length] ?? "", { n, pad: PAD });
    };
    const stalledAt = await untilStalled(carillon, set);
    const stalledVersion = version;
    const count = stalledAt + 400;
    for (let n = stalledAt; n < count; n++) await set(n);

    client.ws.resume();
    await expect.poll(() => heard.items.at(-1)?.version).toBe(version);
    const late = heard.items.filter((item) => (item.version ?? 0) > stalledVersion);
    // The last twenty sets, one for each key, in the order of their versions; not one of the 380 before them.
    const latest = Array.from({ length: keys.length }, (_, index) => count - keys.length + index);
    expect(late.map(numberIn)).toEqual(latest);
    const seen = new Map(heard.items.map((item) => [item.key, numberIn(item)]));
    const held = new Map([...(await carillon.entries("cells:a"))].map(([key, { value }]) => [key, value.n]));
    expect(seen).toEqual(held);
    expect(heard.breaks).toBe(0);
    console.log(`state: stalled after ${stalledAt} changes; of ${count - stalledAt} more it was sent ${late.length}`);
  });
});

describe("the memory of stalled readers", () => {
  /** Bytes of one message in an outbox, and of what stands around it. */
  const UNIT_BYTES = 17_000;
  const OBJECTS_BYTES = 32_768;
  const BOUND = DEFAULT_LIMITS.outboxBytes + DEFAULT_LIMITS.pageBytes + UNIT_BYTES + OBJECTS_BYTES;
  const FULL_HISTORY = 20;

  /**
   * Stalls readers, a channel each, and returns what each of them costs the server. Publishes for so many rounds, or,
   * with 0, until all of them are catching up and stay so.
   */
  async function cost(readers: number, outboxBytes: number, roundsWanted: number) {
    await using server = new Child<StalledOrder, StalledReport>({
      file: new URL("../support/stalled-server.ts", import.meta.url),
      args: [String(outboxBytes)],
      nodeArgs: ["--expose-gc", "--conditions=@carillon/source", "--import", "tsx"],
    });
    const { port } = await server.report();
    const clients: WireClient[] = [];
    for (let reader = 0; reader < readers; reader++) {
      const ticket = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      const client = await WireClient.connect(`ws://127.0.0.1:${port}/realtime`, ticket);
      await client.command({ cmd: "subscribe", channel: `feed:${reader}` });
      clients.push(client);
    }
    const order = { channels: readers, rounds: FULL_HISTORY, from: 0 };
    const before = await server.order(order);
    for (const { ws } of clients) ws.pause();
    let after = before;
    let rounds = 0;
    let stalledFor = 0;
    const isEnough = (): boolean => (roundsWanted === 0 ? stalledFor >= 5 : rounds >= roundsWanted);
    while (!isEnough()) {
      after = await server.order({ channels: readers, rounds: 8, from: FULL_HISTORY + rounds });
      rounds += 8;
      stalledFor = after.catchingUp === readers ? stalledFor + 1 : 0;
      if (rounds > MESSAGES_MAX) throw new Error(`Only ${after.catchingUp} of ${readers} readers have stalled.`);
    }
    expect(after.subscriptions).toBe(readers);
    for (const { ws } of clients) ws.terminate();
    return {
      rounds,
      bytes: Math.round((after.heapAndExternalBytes - before.heapAndExternalBytes) / readers),
      rssBytes: Math.round((after.rssBytes - before.rssBytes) / readers),
    };
  }

  it("is bounded by the outbox and a page, whatever is published; without the bound it is not", async () => {
    const bounded = await cost(100, DEFAULT_LIMITS.outboxBytes, 0);
    const unbounded = await cost(20, 2 ** 40, bounded.rounds + 64);
    const inKb = (bytes: number): string => `${(bytes / 1_000).toFixed(0)} kB`;
    console.log(
      `memory per stalled reader after ${bounded.rounds} messages of 16 kB to each: ${inKb(bounded.bytes)} of heap and buffers ` +
        `(${inKb(bounded.rssBytes)} of RSS), bound ${inKb(BOUND)}; without a bound ${inKb(unbounded.bytes)}`,
    );
    expect(bounded.bytes).toBeLessThan(BOUND);
    expect(unbounded.bytes).toBeGreaterThan(BOUND);
  });
});
