import { describe, expect, it } from "vitest";
import type { Page } from "../../src/backplane/channel-store.ts";
import { firstPlace, formatPlace, nextPlace, type Place } from "../../src/backplane/position.ts";
import type { StateRecord } from "../../src/backplane/records.ts";
import { changesAfter, type RetainedState, type StateLink } from "../../src/backplane/retained-state.ts";
import { Ring } from "../../src/backplane/ring.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";

const world = new VirtualWorld();
const EPOCH = world.id();
const PLENTY = { items: 100, bytes: 100_000 };

/** A state in which these keys were set, one after the other, of which the journal remembers the last few. */
function stateOf(
  keys: readonly string[],
  remembered: number,
): { readonly state: RetainedState; readonly places: Place[] } {
  const journal = new Ring<StateLink>();
  const places = [firstPlace(EPOCH)];
  const latest = new Map<string, StateRecord>();
  for (const key of keys) {
    const before = places.at(-1) ?? firstPlace(EPOCH);
    const place = nextPlace(before, key, 0, (data) => world.hash(data));
    const record: StateRecord = { kind: "entry", key, version: place.offset, at: 0, data: "12345", owner: null };
    latest.set(key, record);
    journal.push({ record, before: before.tag });
    if (journal.length > remembered) journal.shift();
    places.push(place);
  }
  const top = places.at(-1) ?? firstPlace(EPOCH);
  const isLatest = (record: StateRecord): boolean => latest.get(record.key) === record;
  return { state: { top, journal, isLatest, ignoresTags: false }, places };
}

function keysIn({ records }: Page): string[] {
  return records.flatMap((record) => ("key" in record ? [record.key] : []));
}

function keysAfter(state: RetainedState, place: Place | undefined, bounds = PLENTY): string[] {
  return keysIn(changesAfter(state, place === undefined ? "" : formatPlace(place), bounds));
}

describe("the changes of a state after a position", () => {
  it("are the latest of each key, in order of version", () => {
    const { state, places } = stateOf(["a", "b", "a", "c"], 10);
    expect(keysAfter(state, places[0])).toEqual(["b", "a", "c"]);
    expect(keysAfter(state, places[2])).toEqual(["a", "c"]);
    expect(keysAfter(state, places[4])).toEqual([]);
  });

  it("come in pages that follow each other, with one at least in each", () => {
    const { state, places } = stateOf(["a", "b", "a", "c", "d"], 10);
    for (const bounds of [
      { items: 1, bytes: 100_000 },
      { items: 100, bytes: 1 },
      { items: 2, bytes: 100_000 },
    ]) {
      const found: string[] = [];
      let after = formatPlace(places[0] ?? state.top);
      for (let isAtTop = false; !isAtTop;) {
        const page: Page = changesAfter(state, after, bounds);
        expect(page).toMatchObject({ prev: after, gap: null });
        expect(page.records.length).toBeLessThanOrEqual(bounds.items);
        found.push(...keysIn(page));
        after = page.pos;
        isAtTop = page.atTop;
      }
      expect(found).toEqual(["b", "a", "c", "d"]);
      expect(after).toBe(formatPlace(state.top));
    }
  });

  it("can't be told after a place that is older than the journal, newer than the top, or of another history", () => {
    const { state, places } = stateOf(["a", "b", "c", "d"], 2);
    const top = formatPlace(state.top);
    const gap = { prev: top, pos: top, records: [], atTop: true, gap: "trimmed" };
    const other: Place = { ...state.top, tag: world.hash("another") };
    const strangers = [places[1], { ...state.top, epoch: world.id() }, { ...state.top, offset: 5 }, other];
    for (const place of strangers) expect(changesAfter(state, place ? formatPlace(place) : "", PLENTY)).toEqual(gap);
    expect(changesAfter(state, "unreadable", PLENTY)).toEqual(gap);
    expect(keysAfter(state, places[2])).toEqual(["c", "d"]);
    // The planted fault: a place of another history passes for a good one.
    expect(changesAfter({ ...state, ignoresTags: true }, formatPlace(other), PLENTY).gap).toBe(null);
  });
});
