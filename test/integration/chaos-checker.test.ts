import { formatPlace } from "@carillon/server/backplane";
import { describe, expect, test } from "vitest";
import { check, type Judgement } from "../chaos/checker.ts";
import type { BoardEntry, Present, PublisherRecord, StoredState, SubscriberRecord } from "../chaos/records.ts";

const EPOCH = "epoch-of-tests";
const FEED = "feed:0";
const BRIEF = "brief:0";
const BOARD = "board:0";

const at = (offset: number, epoch = EPOCH): string => formatPlace({ epoch, offset, tag: `t${offset}` });

/** A log that retains these, of which the first stands behind `base`. */
function log(channel: string, ids: readonly string[], base = 0): StoredState["logs"][number] {
  const [prev, pos] = [at(base), at(base + ids.length)];
  return { channel, prev, pos, pages: [{ prev, pos, ids }] };
}

const publish = (id: string, n: number, channel = FEED): PublisherRecord => ({ what: "publish", channel, id, n });
const accepted = (id: string, offset: number, channel = FEED): PublisherRecord => ({
  what: "accepted",
  channel,
  id,
  pos: at(offset),
});
const failed = (id: string, code: string): PublisherRecord => ({ what: "failed", channel: FEED, id, code });
const item = (id: string, offset?: number, channel = FEED): SubscriberRecord => ({
  what: "item",
  at: 0,
  channel,
  id,
  ...(offset === undefined ? {} : { pos: at(offset) }),
});
const subscribe = (from: number | null, channel = FEED): SubscriberRecord => ({
  what: "subscribe",
  channel,
  from: from === null ? null : at(from),
  history: 0,
});
const subscribed = (offset: number, channel = FEED): SubscriberRecord => ({
  what: "subscribed",
  at: 0,
  channel,
  pos: at(offset),
});
const gap = (from: number, to: number, channel = BRIEF): SubscriberRecord => ({
  what: "gap",
  channel,
  from: at(from),
  to: at(to),
  reason: "trimmed",
});
const end = (offset: number, channel = FEED, entries: readonly BoardEntry[] = []): SubscriberRecord => ({
  what: "end",
  channel,
  pos: at(offset),
  isLive: true,
  entries,
});

const IDS = ["a", "b", "c", "d"];
const PUBLISHED = IDS.flatMap((id, index) => [publish(id, index + 1), accepted(id, index + 1)]);
const STORED: StoredState = { logs: [log(FEED, IDS)], boards: [] };

interface Story {
  readonly stored?: StoredState;
  readonly published?: readonly PublisherRecord[];
  /** Each list is a subscriber. */
  readonly heard?: readonly (readonly SubscriberRecord[])[];
}

function judge({ stored = STORED, published = PUBLISHED, heard = [] }: Story): Judgement {
  return check({
    stored,
    publishers: [{ name: "c0.0.p0", records: published }],
    subscribers: heard.map((records, index) => ({ name: `c0.0.s${index}`, records })),
  });
}

/** What was found, without what was not. */
function found(story: Story): Readonly<Record<string, number>> {
  const { counts } = judge(story).findings;
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

describe("the checker finds nothing wrong with", () => {
  test("everything in its order, from the first or from a later place, in pages and one by one", () => {
    const heard = [
      [subscribe(null), subscribed(0), item("a"), item("b", 2), subscribed(2), item("c", 3), item("d", 4), end(4)],
      [subscribe(2), subscribed(2), item("c"), item("d", 4), end(4)],
    ];
    const { findings, publishes, deliveries } = judge({ heard });
    expect(findings.examples).toEqual([]);
    expect(publishes).toMatchObject({ published: 4, acknowledged: 4, unanswered: 0 });
    expect(deliveries).toEqual({ delivered: 6, gaps: 0, missing: 0, resumed: 2 });
  });

  test("a page that comes again after a kill, because its position was not stored yet", () => {
    const heard = [
      [subscribe(null), subscribed(0), item("a", 1), item("b")],
      [subscribe(1), subscribed(1), item("b"), item("c"), item("d", 4), end(4)],
    ];
    expect(found({ heard })).toEqual({});
  });

  test("an unanswered publish, stored or not, and an uncertain one", () => {
    const published = [...PUBLISHED.slice(0, 6), publish("d", 4), publish("e", 5), failed("e", "uncertain")];
    expect(found({ published })).toEqual({});
    expect(judge({ published }).publishes).toMatchObject({ unanswered: 1, uncertain: 1, stored: 1 });
  });

  test("a gap that was announced, in a log that does not retain what is missing", () => {
    const stored = { logs: [log(BRIEF, ["c", "d"], 2)], boards: [] };
    const published = IDS.flatMap((id, index) => [publish(id, index + 1, BRIEF), accepted(id, index + 1, BRIEF)]);
    const heard = [
      [subscribe(0, BRIEF), subscribed(0, BRIEF), gap(0, 2), item("c", 3, BRIEF), item("d", 4, BRIEF), end(4, BRIEF)],
    ];
    expect(found({ stored, published, heard })).toEqual({});
    expect(judge({ stored, published, heard }).deliveries).toMatchObject({ gaps: 1, missing: 2 });
  });
});

describe("the checker reports as lost", () => {
  test("what was acknowledged and is not in the log", () => {
    const stored = { logs: [log(FEED, ["a", "b", "d"])], boards: [] };
    expect(found({ stored })).toMatchObject({ lost: 1 });
  });

  test("what was delivered and is not in the log", () => {
    const heard = [[subscribe(3), subscribed(3), item("x", 4), end(4)]];
    expect(found({ heard, published: [...PUBLISHED, publish("x", 5)] })).toEqual({ lost: 1 });
  });

  test("what never came to somebody who waited to the end", () => {
    expect(found({ heard: [[subscribe(1), subscribed(1), item("b", 2), end(2)]] })).toEqual({ lost: 2 });
  });

  test("another value on a board than was acknowledged last, and another one at a subscriber's", () => {
    const set = (n: number): PublisherRecord[] => [
      { what: "set", channel: BOARD, key: "k", n },
      { what: "set accepted", channel: BOARD, key: "k", n },
    ];
    const stored = (n: number): StoredState => ({
      logs: [],
      boards: [{ channel: BOARD, pos: at(2), entries: [["k", n, 2]] }],
    });
    const heard = [[subscribe(null, BOARD), end(2, BOARD, [["k", 2, 2]])]];
    const published = [...set(1), ...set(2)];
    expect(found({ stored: stored(2), published, heard })).toEqual({});
    expect(found({ stored: stored(1), published })).toEqual({ lost: 1 });
    expect(
      found({ stored: stored(2), published, heard: [[subscribe(null, BOARD), end(2, BOARD, [["k", 1, 1]])]] }),
    ).toEqual({
      lost: 1,
    });
  });
});

describe("the checker compares who is present", () => {
  const HALL = "feed:0";
  const entered = (n: number): SubscriberRecord[] => [
    { what: "enter", channel: HALL, n },
    { what: "entered", channel: HALL, n },
  ];
  const sees = (...members: readonly Present[]): SubscriberRecord => ({
    what: "members",
    channel: HALL,
    isLive: true,
    members,
  });
  const who = (n: number): Present => [`c0.0.s${n}`, 1];
  const roster = (...members: readonly Present[]): StoredState => ({
    ...STORED,
    roster: { channel: HALL, pos: at(9), members },
  });

  test("and finds nothing wrong with those who entered and stayed, and with those who left and came back", () => {
    const heard = [
      [...entered(1), sees(who(0), who(1))],
      [...entered(3), { what: "left", channel: HALL } as const, ...entered(1), sees(who(0), who(1))],
    ];
    expect(found({ stored: roster(who(0), who(1)), heard })).toEqual({});
  });

  test("with who was told that it is: one that is missing, one with something older, one who is gone", () => {
    const [one, two] = [who(0), who(1)];
    expect(found({ stored: roster(), heard: [[...entered(1), sees()]] })).toEqual({ lost: 1 });
    expect(found({ stored: roster(one), heard: [[...entered(1), ...entered(2), sees(one)]] })).toEqual({ lost: 1 });
    const ghost = { stored: roster(one, two), heard: [[...entered(1), sees(one, two)]] };
    expect(found(ghost)).toEqual({ contradictions: 1 });
  });

  test("with whom each of them sees", () => {
    const heard = [[...entered(1), sees(who(0), who(1))]];
    expect(found({ stored: roster(who(0)), heard })).toEqual({ lost: 1 });
  });

  test("twice in one place", () => {
    const heard = [[...entered(1), sees(who(0))]];
    expect(found({ stored: roster(who(0), who(0)), heard })).toEqual({ duplicated: 1 });
  });
});

describe("the checker reports as duplicated", () => {
  test("what is in the log twice", () => {
    const stored = { logs: [log(FEED, ["a", "b", "b", "c", "d"])], boards: [] };
    expect(found({ stored })).toMatchObject({ duplicated: 1 });
  });

  test("what was delivered twice to one subscription", () => {
    const heard = [
      [subscribe(0), subscribed(0), item("a", 1), item("a"), item("b", 2), item("c"), item("d", 4), end(4)],
    ];
    expect(found({ heard })).toEqual({ duplicated: 1 });
  });
});

describe("the checker reports as reordered", () => {
  test("what was delivered behind its place, once that place had been passed over", () => {
    const heard = [[subscribe(0), subscribed(0), item("b"), item("a"), item("c"), item("d", 4), end(4)]];
    expect(found({ heard })).toEqual({ reordered: 1, "silent gaps": 1 });
  });

  test("two subscribers of a log that is not retained, who were told different orders", () => {
    const stored = { logs: [log(BRIEF, ["c"], 2)], boards: [] };
    const published = ["a", "b", "c"].map((id, index) => publish(id, index + 1, BRIEF));
    const told = (...ids: readonly string[]): SubscriberRecord[] => [
      subscribe(0, BRIEF),
      subscribed(0, BRIEF),
      ...ids.map((id) => item(id, undefined, BRIEF)),
    ];
    expect(found({ stored, published, heard: [told("a", "b", "c"), told("a", "b", "c")] })).toEqual({});
    expect(found({ stored, published, heard: [told("a", "b", "c"), told("b", "a", "c")] })).toMatchObject({
      reordered: 1,
    });
  });

  test("what one publisher published in another order", () => {
    const published = ["b", "a", "c", "d"].map((id, index) => publish(id, index + 1));
    expect(found({ published })).toEqual({ reordered: 1 });
  });

  test("an entry that goes back to an older version", () => {
    const stored: StoredState = { logs: [], boards: [{ channel: BOARD, pos: at(2), entries: [] }] };
    const changes = (version: number): SubscriberRecord => ({
      what: "changes",
      channel: BOARD,
      pos: at(version),
      entries: [["k", version, version]],
    });
    expect(found({ stored, published: [], heard: [[subscribe(null, BOARD), changes(2), changes(1)]] })).toEqual({
      reordered: 1,
    });
  });
});

describe("the checker reports as a silent gap", () => {
  test("a publication that is not the next", () => {
    const heard = [[subscribe(0), subscribed(0), item("a", 1), item("c"), item("d", 4), end(4)]];
    expect(found({ heard })).toEqual({ "silent gaps": 1 });
  });

  test("a subscription that is resumed further on than it was", () => {
    expect(found({ heard: [[subscribe(1), subscribed(3), item("d", 4), end(4)]] })).toEqual({ "silent gaps": 1 });
  });

  test("a position that is ahead of what was delivered", () => {
    expect(found({ heard: [[subscribe(1), subscribed(1), item("b", 3), item("d", 4), end(4)]] })).toEqual({
      "silent gaps": 1,
    });
  });
});

describe("the checker reports as a contradiction", () => {
  test.each<[string, Story]>([
    ["a publish that was refused, and stored", { published: [...PUBLISHED.slice(0, 7), failed("d", "too_large")] }],
    ["two outcomes of one publish", { published: [...PUBLISHED, failed("d", "uncertain")] }],
    ["the place of another publication", { published: [...PUBLISHED.slice(0, 7), accepted("d", 2)] }],
    ["a publisher that ended without the outcome", { published: [...PUBLISHED.slice(0, 7), { what: "closed" }] }],
    ["what nobody published", { published: PUBLISHED.slice(0, 6) }],
    ["a gap where everything is retained", { heard: [[subscribe(0), subscribed(0), gap(0, 2, FEED)]] }],
    [
      "data that is not what was published",
      { heard: [[subscribe(3), subscribed(3), { what: "item", at: 0, channel: FEED, id: "d", damaged: true }]] },
    ],
    [
      "a place in another life of the channel",
      { heard: [[subscribe(3), { what: "subscribed", at: 0, channel: FEED, pos: at(3, "another-epoch") }]] },
    ],
    ["a subscription that is resumed further back than it was", { heard: [[subscribe(3), subscribed(2)]] }],
    ["what comes without a subscription", { heard: [[item("a", 1)]] }],
    [
      "an end of the subscription that nobody asked for",
      { heard: [[{ what: "trouble", channel: FEED, code: "forbidden" }]] },
    ],
  ])("%s", (_what, story) => {
    expect(found(story)).toEqual({ contradictions: 1 });
  });
});
