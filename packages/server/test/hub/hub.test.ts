import { beforeEach, describe, expect, it } from "vitest";
import type { Answer, ChannelStore } from "../../src/backplane/channel-store.ts";
import { Metrics } from "../../src/core/metrics.ts";
import { Hub } from "../../src/hub/hub.ts";
import type { Subscriber } from "../../src/hub/subscriber.ts";
import type { Group } from "../../src/hub/group.ts";
import { NO_FAULTS } from "../../src/core/faults.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { LOG, publication, told } from "../backplane/records.ts";

type Told = (answer: Answer<string>) => void;

const CHANNEL = "chat:a";
/** A unit is its items, as text. */
const GROUP: Group = { name: "test", encode: ({ content }) => Buffer.from(told(content.records).join(" ")) };

let world: VirtualWorld;
let metrics: Metrics;
let hub: Hub;
/** Questions to the store that wait for their answer. */
let asked: Told[];
let unsubscribed: string[];
let closed: string[];

beforeEach(() => {
  world = new VirtualWorld();
  metrics = new Metrics();
  asked = [];
  unsubscribed = [];
  closed = [];
  const store: Pick<ChannelStore, "subscribe" | "unsubscribe"> = {
    subscribe: (_channel, _options, done) => void asked.push(done),
    unsubscribe: (channel) => void unsubscribed.push(channel),
  };
  hub = new Hub({
    ports: world,
    metrics,
    faults: NO_FAULTS,
    store: () => store as ChannelStore,
    schedule: () => world.endOfTick(() => hub.flush()),
    closed: (channel) => void closed.push(channel),
  });
});

class Reader implements Subscriber {
  readonly channel: string = CHANNEL;
  readonly group: Group = GROUP;
  position: string | null;
  slot = -1;
  isFull = false;
  lags = 0;
  readonly units: string[] = [];

  constructor(position: string) {
    this.position = position;
  }

  offer(bytes: Uint8Array): boolean {
    if (!this.isFull) this.units.push(Buffer.from(bytes).toString());
    return !this.isFull;
  }

  lagged(): void {
    this.lags++;
  }
}

/** Attaches once the store has answered; the position it was told, or the code of the failure. */
function attach(answer: Answer<string> = { ok: true, value: "0" }, coalesceMs = 0): string[] {
  const positions: string[] = [];
  hub.attach(CHANNEL, LOG, coalesceMs, (attached) => positions.push(attached.ok ? attached.value : attached.code));
  asked.shift()?.(answer);
  return positions;
}

/** A live reader at the channel's position. */
function live(position: string): Reader {
  const reader = new Reader(position);
  expect(hub.join(reader, -1)).toBe(true);
  return reader;
}

function deliver(prev: string, pos: string): void {
  hub.deliver(CHANNEL, prev, pos, [publication(pos)]);
}

describe("The hub", () => {
  it("adds nothing to the lists that it was handed: they are the store's", () => {
    attach();
    const reader = live("0");
    const lists = [["1"], ["2", "3"], ["4"]].map((ids) => ids.map((id) => publication(id)));
    hub.deliver(CHANNEL, "0", "1", lists[0]!);
    hub.deliver(CHANNEL, "1", "3", lists[1]!);
    hub.deliver(CHANNEL, "3", "4", lists[2]!);
    hub.flush();
    expect(reader.units).toEqual(['1="1" 2="2" 3="3" 4="4"']);
    expect(lists.map((list) => list.length)).toEqual([1, 2, 1]);
  });

  it("hands out what is delivered while it hands out", () => {
    attach();
    const reader = live("0");
    const other = live("0");
    other.isFull = true;
    other.lagged = () => deliver("1", "2");
    deliver("0", "1");
    hub.flush();
    expect(reader.units).toEqual(['1="1"', '2="2"']);
    expect(hub.hasPending).toBe(false);
  });

  it("hands out nothing of a channel that everybody left in the same tick", () => {
    attach();
    deliver("0", "1");
    hub.detach(CHANNEL);
    expect(metrics.units).toBe(0);
    hub.flush();
    expect(metrics.units).toBe(0);
  });

  it("makes one unit of all that is delivered in a tick, and gives it to every live subscriber", () => {
    attach();
    const readers = [live("0"), live("0")];
    deliver("0", "1");
    deliver("1", "2");
    expect(readers[0]?.units).toEqual([]);
    world.settle();
    for (const reader of readers) expect(reader).toMatchObject({ units: ['1="1" 2="2"'], position: "2", lags: 0 });
    expect(metrics).toMatchObject({ units: 1, deliveries: 4 });
  });

  it("holds items back for as long as the channel's readers can wait", () => {
    attach(undefined, 50);
    const reader = live("0");
    deliver("0", "1");
    world.advance(49);
    deliver("1", "2");
    expect(reader.units).toEqual([]);
    world.advance(1);
    expect(reader.units).toEqual(['1="1" 2="2"']);
  });

  it("takes a subscriber off the shared path when a unit does not start where it stands, or has no room for it", () => {
    attach();
    const [ahead, full, fit] = [live("0"), live("0"), live("0")];
    full.isFull = true;
    ahead.position = "5";
    deliver("0", "1");
    world.settle();
    expect([ahead.lags, full.lags, fit.lags]).toEqual([1, 1, 0]);
    expect([ahead.slot, full.slot]).toEqual([-1, -1]);
    expect([ahead.position, full.position, fit.position]).toEqual(["5", "0", "1"]);
    deliver("1", "2");
    world.settle();
    expect(fit.units).toHaveLength(2);
    expect(metrics.lags).toBe(2);
  });

  it("shows everybody the break when a delivery does not follow the one before", () => {
    attach();
    const reader = live("0");
    deliver("0", "1");
    deliver("8", "9");
    world.settle();
    expect(reader).toMatchObject({ units: ['1="1"'], position: "1", lags: 1 });
  });

  it("flushes what is pending before somebody joins, whose page may have it already", () => {
    attach();
    const first = live("0");
    deliver("0", "1");
    const second = new Reader("1");
    expect(hub.join(second, hub.moment(CHANNEL))).toBe(true);
    expect(first.units).toEqual(['1="1"']);
    world.settle();
    expect(second.units).toEqual([]);
    deliver("1", "2");
    world.settle();
    expect(second.units).toEqual(['2="2"']);
  });

  it("does not let join whom a unit has passed by since it asked the store", () => {
    attach();
    const reader = new Reader("0");
    const askedAt = hub.moment(CHANNEL);
    deliver("0", "1");
    world.settle();
    expect(hub.join(reader, askedAt)).toBe(false);
    reader.position = "1";
    expect(hub.join(reader, askedAt)).toBe(true);
  });

  it("lets join whose page is newer than what the store has delivered so far", () => {
    attach();
    const reader = new Reader("1");
    expect(hub.join(reader, hub.moment(CHANNEL))).toBe(true);
    deliver("0", "1");
    world.settle();
    expect(reader.lags).toBe(1);
  });

  it("keeps the others when one leaves", () => {
    attach();
    const [first, second, third] = [live("0"), live("0"), live("0")];
    hub.leave(first);
    hub.leave(first);
    deliver("0", "1");
    world.settle();
    expect([first.units.length, second.units.length, third.units.length]).toEqual([0, 1, 1]);
  });

  it("asks the store once for all who come while it is asked, and tells them where the channel stands by then", () => {
    const positions: string[] = [];
    for (let count = 0; count < 3; count++) {
      hub.attach(CHANNEL, LOG, 0, (attached) => positions.push(attached.ok ? attached.value : attached.code));
    }
    expect(asked).toHaveLength(1);
    deliver("0", "1");
    world.settle();
    asked.shift()?.({ ok: true, value: "0" });
    expect(positions).toEqual(["1", "1", "1"]);
  });

  it("wants nothing of those whom the store has failed, and asks again for the next", () => {
    expect(attach({ ok: false, code: "unavailable", message: "" })).toEqual(["unavailable"]);
    expect(hub.size).toBe(0);
    expect(metrics.channels).toBe(0);
    expect(attach()).toEqual(["0"]);
  });

  it("ends the store's delivery with the last interest, and says so", () => {
    attach();
    attach();
    hub.detach(CHANNEL);
    expect(unsubscribed).toEqual([]);
    hub.detach(CHANNEL);
    expect([unsubscribed, closed, hub.size, metrics.channels]).toEqual([[CHANNEL], [CHANNEL], 0, 0]);
    deliver("0", "1");
    world.settle();
  });

  it("believes its own position no more once the store is in doubt, and asks anew", () => {
    attach();
    const reader = live("0");
    deliver("0", "1");
    world.settle();
    hub.suspect(CHANNEL);
    expect(reader.lags).toBe(1);
    const positions: string[] = [];
    hub.attach(CHANNEL, LOG, 0, (attached) => positions.push(attached.ok ? attached.value : attached.code));
    for (const answer of asked.splice(0)) answer({ ok: true, value: "rolled back" });
    expect(positions).toEqual(["rolled back"]);
  });

  it("passes over an answer of the store that is older than the doubt", () => {
    const positions: string[] = [];
    hub.attach(CHANNEL, LOG, 0, (attached) => positions.push(attached.ok ? attached.value : attached.code));
    hub.suspect(CHANNEL);
    const [early, late] = asked.splice(0);
    early?.({ ok: true, value: "before" });
    expect(positions).toEqual([]);
    late?.({ ok: true, value: "after" });
    expect(positions).toEqual(["after"]);
  });

  it("leaves out values that were replaced in the same tick from a unit of a state", () => {
    const state = { ...LOG, kind: "state" as const };
    hub.attach(CHANNEL, state, 0, () => {});
    asked.shift()?.({ ok: true, value: "0" });
    const reader = live("0");
    const entry = (key: string, version: number): Parameters<Hub["deliver"]>[3][number] => {
      return { kind: "entry", key, version, at: 0, data: String(version), owner: null };
    };
    hub.deliver(CHANNEL, "0", "1", [entry("a", 1)]);
    hub.deliver(CHANNEL, "1", "2", [entry("b", 2)]);
    hub.deliver(CHANNEL, "2", "3", [{ kind: "removal", key: "b", version: 3 }]);
    hub.deliver(CHANNEL, "3", "4", [entry("a", 4)]);
    world.settle();
    expect(reader).toMatchObject({ units: ["b@3=removed a@4=4"], position: "4" });
  });
});
