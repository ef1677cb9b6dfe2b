import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import {
  AT_END,
  moveDown,
  moveUp,
  placeAround,
  placeOf,
  rangeOf,
  TAIL,
  type Keyed,
  type Place,
  type Range,
} from "../timeline/window.ts";

/** So near to an edge the window moves on, in pixels. */
const EDGE_PX = 900;
/** So near to the end counts as at the end, in pixels. */
const END_PX = 10;
/** No row is lower than this, in pixels: so many are sure to fill the screen. */
const ROW_MIN_PX = 22;

/** What the window needs. */
export interface MessageWindowOptions {
  readonly list: Keyed;
  /** Asks for what is before the list; null while there is nothing more, or it is on its way. */
  readonly loadOlder: (() => void) | null;
}

/** What a list does with its window. */
export interface MessageWindow {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly range: Range;
  /** True while the window goes along with what comes. */
  readonly isAtEnd: boolean;
  readonly onScroll: () => void;
  readonly jumpToEnd: () => void;
  /** Shows a row of the list, a quarter from the top; false if the list does not have it. */
  readonly showRow: (key: string) => boolean;
  /** Stays where it is, whatever comes: somebody reads with the keyboard. */
  readonly hold: () => void;
}

/** A row and where it stood, seen from the top of the scroller. */
interface Anchor {
  readonly key: string;
  readonly top: number;
}

/**
 * The window of a list in its scroller: which rows are rendered, and that what is read stays where it is while rows
 * come, go and change their height above and below.
 */
export function useMessageWindow({ list, loadOlder }: MessageWindowOptions): MessageWindow {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<Place>(AT_END);
  const [tail, setTail] = useState(TAIL);
  const range = rangeOf(list, place, tail);
  const anchor = useRef<Anchor | null>(null);
  const wanted = useRef<string | null>(null);
  /** Where the end was when the list went there last: only who is above it has scrolled away. */
  const pinnedTop = useRef(0);
  // What listeners see: the state of the last commit.
  const seen = useRef({ list, place, range, loadOlder });

  const move = useCallback((): void => {
    const element = scroller.current;
    if (element === null) return;
    const { list: rows, place: at, range: shown, loadOlder: load } = seen.current;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (element.scrollTop < EDGE_PX) {
      if (shown.start === 0) load?.();
      else if (at.mode === "between") setPlace(moveUp(rows, shown));
    }
    if (at.mode === "between" && below < EDGE_PX && shown.end < rows.length) setPlace(moveDown(rows, shown));
  }, []);

  const settle = useCallback((): void => {
    const element = scroller.current;
    if (element === null) return;
    if (wanted.current !== null) {
      const row = rowOf(content.current, wanted.current);
      if (row !== null) {
        wanted.current = null;
        element.scrollTop +=
          row.getBoundingClientRect().top - element.getBoundingClientRect().top - element.clientHeight / 4;
        anchor.current = anchorOf(element, content.current);
        // What was looked for stands at the end: then there is nothing to go back to.
        if (isEndOf(element) && seen.current.range.end === seen.current.list.length) setPlace(AT_END);
      }
    } else if (seen.current.place.mode === "end") {
      element.scrollTop = element.scrollHeight;
      pinnedTop.current = element.scrollTop;
    } else restore(element, content.current, anchor.current);
    setTail(Math.max(TAIL, Math.ceil(element.clientHeight / ROW_MIN_PX)));
  }, []);

  useLayoutEffect(() => {
    // What the reader does moves the window by scroll events; a page that has come does it here, once.
    const isOther = seen.current.list !== list || seen.current.loadOlder !== loadOlder;
    seen.current = { list, place, range, loadOlder };
    settle();
    if (isOther) move();
  });

  useEffect(() => {
    // Heights change without a render, too: a font arrives, reactions come, the keyboard of a phone opens.
    const observer = new ResizeObserver(settle);
    if (scroller.current !== null) observer.observe(scroller.current);
    if (content.current !== null) observer.observe(content.current);
    return () => observer.disconnect();
  }, [settle]);

  const onScroll = useCallback((): void => {
    const element = scroller.current;
    if (element === null) return;
    const { list: rows, place: at, range: shown } = seen.current;
    anchor.current = anchorOf(element, content.current);
    const isEnd = isEndOf(element) && shown.end === rows.length;
    if (isEnd && at.mode !== "end" && !isReadByKeyboard(content.current)) setPlace(AT_END);
    else if (at.mode === "between") move();
    else if (!isEnd && element.scrollTop < pinnedTop.current - END_PX) setPlace(placeOf(rows, shown));
    // Not the reader, but rows that turned out to be higher than was thought.
    else if (!isEnd) settle();
  }, [move, settle]);

  const jumpToEnd = useCallback(() => setPlace(AT_END), []);

  const showRow = useCallback((key: string): boolean => {
    const index = seen.current.list.findIndex((row) => row.key === key);
    if (index === -1) return false;
    wanted.current = key;
    setPlace(placeAround(seen.current.list, index));
    return true;
  }, []);

  const hold = useCallback((): void => {
    const element = scroller.current;
    const { list: rows, place: at, range: shown } = seen.current;
    if (element === null || at.mode !== "end") return;
    anchor.current = anchorOf(element, content.current);
    setPlace(placeOf(rows, shown));
  }, []);

  return { scroller, content, range, isAtEnd: place.mode === "end", onScroll, jumpToEnd, showRow, hold };
}

/** True if nothing of what is rendered is below. */
function isEndOf({ scrollHeight, scrollTop, clientHeight }: HTMLElement): boolean {
  return scrollHeight - scrollTop - clientHeight <= END_PX;
}

/** The element of a row. */
export function rowOf(content: HTMLElement | null, key: string): HTMLElement | null {
  return content?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null;
}

/** The first row that can be seen. */
function anchorOf(scroller: HTMLElement, content: HTMLElement | null): Anchor | null {
  const { top } = scroller.getBoundingClientRect();
  const rows = content?.querySelectorAll<HTMLElement>("[data-key]") ?? [];
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.getBoundingClientRect().bottom ?? 0) > top) high = middle;
    else low = middle + 1;
  }
  const row = rows[low];
  return row === undefined ? null : { key: row.dataset["key"] ?? "", top: row.getBoundingClientRect().top - top };
}

function restore(scroller: HTMLElement, content: HTMLElement | null, anchor: Anchor | null): void {
  const row = anchor === null ? null : rowOf(content, anchor.key);
  if (anchor === null || row === null) return;
  const moved = row.getBoundingClientRect().top - scroller.getBoundingClientRect().top - anchor.top;
  if (Math.abs(moved) >= 1) scroller.scrollTop += moved;
}

/** True while the focus is on a message that is not the last: it must not be carried off by what comes. */
function isReadByKeyboard(content: HTMLElement | null): boolean {
  const focused = document.activeElement?.closest("[data-key]") ?? null;
  if (focused === null || content?.contains(focused) !== true) return false;
  const rows = content.querySelectorAll("[data-key]");
  return focused !== rows[rows.length - 1];
}
