import { beforeEach, describe, expect, it } from "vitest";
import type { Answer, ChannelStore, Page, Snapshot } from "../../src/backplane/channel-store.ts";
import { NO_FAULTS } from "../../src/core/faults.ts";
import { Metrics } from "../../src/core/metrics.ts";
import { PageCache, type PageUnit } from "../../src/hub/page-cache.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { LOG, publication } from "../backplane/records.ts";

const CHANNEL = "chat:a";

let pages: PageCache;
/** What the store answers next. */
let page: Page;
let snapshot: Snapshot;
let reads: string[];

beforeEach(() => {
  reads = [];
  page = { prev: "0", pos: "1", records: [publication("a")], atTop: true, gap: null };
  snapshot = { pos: "9", records: [] };
  const store: Pick<ChannelStore, "read" | "snapshot"> = {
    read: ({ after }, done) => {
      reads.push(after);
      done({ ok: true, value: page });
    },
    snapshot: (_channel, _options, done) => done({ ok: true, value: snapshot }),
  };
  pages = new PageCache({
    ports: new VirtualWorld(),
    metrics: new Metrics(),
    faults: NO_FAULTS,
    bounds: { items: 3, bytes: 10 },
    store: () => store as ChannelStore,
    present: { read: (_channel, records, done) => done({ ok: true, value: records }) },
  });
});

function read(after: string): PageUnit {
  const answers: Answer<PageUnit>[] = [];
  pages.read(CHANNEL, LOG, after, (answer) => answers.push(answer));
  const [answer] = answers;
  if (answer?.ok !== true) throw new Error("Expected a page.");
  return answer.value;
}

/** Keys in each unit of a snapshot, with what marks its first and its last. */
function snapshotUnits(): string[] {
  const units: string[] = [];
  pages.snapshot(CHANNEL, { ...LOG, kind: "state" }, (answer) => {
    if (!answer.ok) return;
    for (const { content } of answer.value.units) {
      const keys = content.records.map((record) => ("key" in record ? record.key : "")).join("");
      units.push(`${content.reset ? "reset " : ""}${keys}${content.pos === null ? "" : ` ${content.pos}`}`);
    }
  });
  return units;
}

function entries(sizes: readonly number[]): Snapshot["records"] {
  return sizes.map((size, index) => {
    return { kind: "entry", key: String(index), version: index, at: 0, data: "x".repeat(size), owner: null };
  });
}

describe("The page cache", () => {
  it("reads a page once for all who stand in one place, and hands out the same unit", () => {
    expect(read("0").unit).toBe(read("0").unit);
    expect(reads).toEqual(["0"]);
    read("5");
    pages.invalidate(CHANNEL);
    read("0");
    expect(reads).toEqual(["0", "5", "0"]);
  });

  it.each(["rollback", "epoch"] as const)("forgets its pages of a log that turns out to be another (%s)", (gap) => {
    read("0");
    page = { ...page, gap };
    read("7");
    read("0");
    expect(reads).toEqual(["0", "7", "0"]);
  });

  it("keeps its pages when somebody comes from a place that was let go of", () => {
    read("0");
    page = { ...page, gap: "trimmed" };
    read("7");
    read("0");
    expect(reads).toEqual(["0", "7"]);
  });

  it("forgets a snapshot from which nothing continues, which would lead its readers in a circle", () => {
    expect(snapshotUnits()).toEqual(["reset  9"]);
    // The store has gone back, and nobody has noticed yet.
    snapshot = { pos: "8", records: [] };
    page = { prev: "8", pos: "8", records: [], atTop: true, gap: "trimmed" };
    read("7");
    expect(snapshotUnits()).toEqual(["reset  9"]);
    read("9");
    expect(snapshotUnits()).toEqual(["reset  8"]);
  });

  it("cuts a snapshot by items and by bytes, and marks its first and its last unit", () => {
    snapshot = { pos: "9", records: entries([1, 1, 1, 1, 6, 6, 20, 1]) };
    expect(snapshotUnits()).toEqual(["reset 012", "34", "5", "6", "7 9"]);
  });

  it("sends an empty snapshot as one unit", () => {
    expect(snapshotUnits()).toEqual(["reset  9"]);
  });
});
