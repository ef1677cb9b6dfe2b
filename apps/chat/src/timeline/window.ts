/**
 * Which part of a long list is in the document. A window of whole rows in normal flow, moved in steps as the reader
 * comes near its edges, instead of absolutely placed rows: heights need not be known or guessed, text can be selected
 * across messages, and the browser's own find, focus order and screen readers see plain content.
 */

/** Where the window stands: at the end of the list and going along with it, or between two rows. */
export type Place =
  | { readonly mode: "end" }
  | { readonly mode: "between"; readonly first: string; readonly last: string };

/** The part of the list that is shown: from `start` up to, and without, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What the window is about: anything with a key. */
export type Keyed = readonly { readonly key: string }[];

/** Rows that are shown at the end of the list. */
export const TAIL = 240;
/** Rows that are added when the reader comes near an edge. */
export const STEP = 40;
/** Rows that are shown at most. */
export const WINDOW_MAX = 400;

/** The end of the list. */
export const AT_END: Place = { mode: "end" };

/** The part that a place stands for. Rows that are gone (trimmed, withdrawn) only make it smaller. */
export function rangeOf(list: Keyed, place: Place, tail: number = TAIL): Range {
  const endRange = { start: Math.max(0, list.length - tail), end: list.length };
  if (place.mode === "end") return endRange;
  const last = lastIndexOfKey(list, place.last);
  if (last === -1) return endRange;
  const first = lastIndexOfKey(list, place.first, last);
  return { start: Math.max(first, last + 1 - WINDOW_MAX, 0), end: last + 1 };
}

/** The place of a part of the list. */
export function placeOf(list: Keyed, { start, end }: Range): Place {
  const first = list[start];
  const last = list[end - 1];
  return first === undefined || last === undefined ? AT_END : { mode: "between", first: first.key, last: last.key };
}

/** A step towards the beginning; what is too much goes at the other edge. */
export function moveUp(list: Keyed, { start, end }: Range): Place {
  const newStart = Math.max(0, start - STEP);
  return placeOf(list, { start: newStart, end: Math.min(end, newStart + WINDOW_MAX) });
}

/** A step towards the end; what is too much goes at the other edge. */
export function moveDown(list: Keyed, { start, end }: Range): Place {
  const newEnd = Math.min(list.length, end + STEP);
  return placeOf(list, { start: Math.max(start, newEnd - WINDOW_MAX), end: newEnd });
}

/** A window around a row. */
export function placeAround(list: Keyed, index: number): Place {
  return placeOf(list, { start: Math.max(0, index - STEP), end: Math.min(list.length, index + STEP) });
}

/** From the end, since that is where people read. */
function lastIndexOfKey(list: Keyed, key: string, from: number = list.length - 1): number {
  for (let index = from; index >= 0; index--) {
    if (list[index]?.key === key) return index;
  }
  return -1;
}
