import type { Page, PageBounds } from "./channel-store.ts";
import { formatPlace, parsePlace, type Place } from "./position.ts";
import { payloadSize, type StateRecord } from "./records.ts";
import type { Ring } from "./ring.ts";

/** One past change of a state. `before` is the tag of the place before it: the link that proves contiguity. */
export interface StateLink {
  readonly record: StateRecord;
  readonly before: string;
}

/** What is known in memory of a state's recent changes: contiguous, oldest first, and ending at the top. */
export interface RetainedState {
  readonly top: Place;
  readonly journal: Pick<Ring<StateLink>, "length" | "at">;
  /** True for the newest record of its key: older ones are what conflation skips. */
  readonly isLatest: (record: StateRecord) => boolean;
  /** Positions are taken by epoch and offset alone: the planted fault `no-tag-check`. */
  readonly ignoresTags: boolean;
}

/**
 * The latest value of each key that changed after a position, in order of version. A gap: the position is older than the
 * journal, or of another history, and its owner takes a snapshot.
 */
export function changesAfter(state: RetainedState, after: string, bounds: PageBounds): Page {
  const { top, journal, isLatest } = state;
  const start = parsePlace(after);
  if (start === null || !isKnown(state, start)) {
    const pos = formatPlace(top);
    return { prev: pos, pos, records: [], atTop: true, gap: "trimmed" };
  }
  const records: StateRecord[] = [];
  let bytes = 0;
  let index = indexOf(state, start);
  for (; index < journal.length; index++) {
    const { record } = journal.at(index);
    if (!isLatest(record)) continue;
    bytes += record.kind === "entry" ? payloadSize(record.data) : 0;
    if (records.length === bounds.items || (bytes > bounds.bytes && records.length > 0)) break;
    records.push(record);
  }
  return {
    prev: after,
    pos: formatPlace(placeBefore(state, index)),
    records,
    atTop: index === journal.length,
    gap: null,
  };
}

/** Which change follows a place. */
function indexOf({ top, journal }: RetainedState, { offset }: Place): number {
  return offset - (top.offset - journal.length);
}

function isKnown(state: RetainedState, place: Place): boolean {
  const { top, journal, ignoresTags } = state;
  const index = indexOf(state, place);
  if (place.epoch !== top.epoch || index < 0 || index > journal.length) return false;
  return placeBefore(state, index).tag === place.tag || ignoresTags;
}

/** The place before a change; behind the last one the top. */
function placeBefore({ top, journal }: RetainedState, index: number): Place {
  if (index === journal.length) return top;
  return { epoch: top.epoch, offset: top.offset - journal.length + index, tag: journal.at(index).before };
}
