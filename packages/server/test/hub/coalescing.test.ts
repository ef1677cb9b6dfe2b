import { beforeEach, describe, expect, it } from "vitest";
import type { ChannelStore } from "../../src/backplane/channel-store.ts";
import { NO_FAULTS } from "../../src/core/faults.ts";
import { Metrics } from "../../src/core/metrics.ts";
import type { Group } from "../../src/hub/group.ts";
import { Hub } from "../../src/hub/hub.ts";
import type { Subscriber } from "../../src/hub/subscriber.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { LOG, publication, told } from "../backplane/records.ts";

const GROUP: Group = { name: "test", encode: ({ content }) => Buffer.from(told(content.records).join(" ")) };

let world: VirtualWorld;
let hub: Hub;

beforeEach(() => {
  world = new VirtualWorld();
  const store: Pick<ChannelStore, "subscribe" | "unsubscribe"> = {
    subscribe: (_channel, _options, done) => done({ ok: true, value: "0" }),
    unsubscribe: () => {},
  };
  hub = new Hub({
    ports: world,
    metrics: new Metrics(),
    faults: NO_FAULTS,
    store: () => store as ChannelStore,
    schedule: () => world.endOfTick(() => hub.flush()),
    closed: () => {},
  });
});

class Reader implements Subscriber {
  readonly channel: string;
  readonly group: Group = GROUP;
  position: string | null;
  slot = -1;
  readonly units: string[] = [];

  constructor(channel: string, position: string) {
    this.channel = channel;
    this.position = position;
  }

  offer(bytes: Uint8Array): boolean {
    this.units.push(Buffer.from(bytes).toString());
    return true;
  }

  lagged(): void {
    throw new Error("Expected a reader that keeps up.");
  }
}

function live(channel: string, coalesceMs: number, position = "0"): Reader {
  hub.attach(channel, LOG, coalesceMs, () => {});
  const reader = new Reader(channel, position);
  expect(hub.join(reader, -1)).toBe(true);
  return reader;
}

function deliver(channel: string, prev: string, pos: string): void {
  hub.deliver(channel, prev, pos, [publication(pos)]);
}

describe("A coalescing interval", () => {
  it("needs one timer for all of its channels, none while nothing is held, and holds none longer than it is", () => {
    const readers = Array.from({ length: 100 }, (_, index) => live(`room:${index}`, 50));
    expect(world.timers).toBe(0);
    readers.forEach(({ channel }, index) => {
      if (index === 50) world.advance(30);
      deliver(channel, "0", "1");
    });
    expect(world.timers).toBe(1);
    world.advance(19);
    expect(readers.every(({ units }) => units.length === 0)).toBe(true);
    world.advance(1);
    expect(readers.every(({ units }) => units.length === 1)).toBe(true);
    expect(world.timers).toBe(0);
    deliver("room:7", "1", "2");
    world.advance(50);
    expect(readers[7]?.units).toEqual(['1="1"', '2="2"']);
  });

  it("is each pattern's own", () => {
    const [fast, slow] = [live("cursor:a", 20), live("chat:a", 100)];
    deliver("cursor:a", "0", "1");
    deliver("chat:a", "0", "1");
    expect(world.timers).toBe(2);
    world.advance(20);
    expect([fast.units.length, slow.units.length]).toEqual([1, 0]);
    world.advance(80);
    expect(slow.units).toHaveLength(1);
  });

  it("ends early for whoever joins, so that what was held is not sent to him as news", () => {
    const first = live("chat:a", 100);
    deliver("chat:a", "0", "1");
    const second = live("chat:a", 100, "1");
    expect(first.units).toEqual(['1="1"']);
    deliver("chat:a", "1", "2");
    world.advance(100);
    expect([first.units, second.units]).toEqual([['1="1"', '2="2"'], ['2="2"']]);
  });

  it("sends nothing of what is held to a reader who has left meanwhile", () => {
    const [gone, there] = [live("chat:a", 100), live("chat:a", 100)];
    deliver("chat:a", "0", "1");
    hub.leave(gone);
    hub.detach("chat:a");
    world.advance(100);
    expect([gone.units, there.units]).toEqual([[], ['1="1"']]);
  });

  it("leaves no timer behind when the last reader leaves", () => {
    const reader = live("chat:a", 100);
    deliver("chat:a", "0", "1");
    hub.leave(reader);
    hub.detach("chat:a");
    expect(world.timers).toBe(0);
    world.advance(100);
    expect(reader.units).toEqual([]);
  });

  it("ends early with 1,024 items, so that a flood is not held in memory", () => {
    const reader = live("chat:a", 1_000);
    for (let offset = 0; offset < 1_024; offset++) deliver("chat:a", String(offset), String(offset + 1));
    world.settle();
    expect(reader).toMatchObject({ position: "1024", units: [expect.stringContaining('1024="1024"')] });
  });
});
