import {
  AT_END,
  moveDown,
  moveUp,
  placeAround,
  placeOf,
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

/** What was rendered last. */
export interface WindowState {
  readonly list: Keyed;
  readonly place: Place;
  readonly range: Range;
  /** Asks for what is before the list; null while there is nothing more, or it is on its way. */
  readonly loadOlder: (() => void) | null;
}

/** Where a window tells what it wants. */
export interface WindowSink {
  setPlace(place: Place): void;
  setTail(rows: number): void;
}

/** A row and where it stood, seen from the top of the scroller. */
interface Anchor {
  readonly key: string;
  readonly top: number;
}

/**
 * The window of a list in its scroller: decides which rows are rendered, and keeps what is read where it is while rows
 * come, go and change their height above and below. It reads and moves the document; what is rendered is React's.
 */
export class ListWindow {
  readonly #sink: WindowSink;
  #scroller: HTMLElement | null = null;
  #content: HTMLElement | null = null;
  #state: WindowState = { list: [], place: AT_END, range: { start: 0, end: 0 }, loadOlder: null };
  #anchor: Anchor | null = null;
  /** Key of the row that was asked for and is not rendered yet. */
  #wanted: string | null = null;
  /** Where the end was when the list went there last: only who is above it has scrolled away. */
  #pinnedTop = 0;

  constructor(sink: WindowSink) {
    this.#sink = sink;
  }

  /** Works on these elements until the returned function is called. */
  attach(scroller: HTMLElement | null, content: HTMLElement | null): () => void {
    this.#scroller = scroller;
    this.#content = content;
    // Heights change without a render, too: a font arrives, reactions come, the keyboard of a phone opens.
    const observer = new ResizeObserver(() => this.#settle());
    if (scroller !== null) observer.observe(scroller);
    if (content !== null) observer.observe(content);
    return () => observer.disconnect();
  }

  /** Told after each render, before it is painted. */
  rendered(state: WindowState): void {
    // What the reader does moves the window by scroll events; a page that has come does it here, once.
    const isOther = this.#state.list !== state.list || this.#state.loadOlder !== state.loadOlder;
    this.#state = state;
    this.#settle();
    if (isOther) this.#move();
  }

  /** Told of each scroll event. */
  scrolled(): void {
    const scroller = this.#scroller;
    if (scroller === null) return;
    const { list, place, range } = this.#state;
    this.#anchor = this.#anchorOf(scroller);
    const isEnd = isEndOf(scroller) && range.end === list.length;
    if (place.mode === "between") {
      if (isEnd && !isReadByKeyboard(this.#content)) this.#sink.setPlace(AT_END);
      else this.#move();
    } else if (isEnd) return;
    else if (scroller.scrollTop < this.#pinnedTop - END_PX) this.#sink.setPlace(placeOf(list, range));
    // Not the reader, but rows that turned out to be higher than was thought.
    else this.#settle();
  }

  /** Goes to the end and along with what comes. */
  jumpToEnd(): void {
    this.#sink.setPlace(AT_END);
  }

  /** Shows a row, a quarter from the top; false if the list does not have it. */
  show(key: string): boolean {
    const { list } = this.#state;
    const index = list.findIndex((row) => row.key === key);
    if (index === -1) return false;
    this.#wanted = key;
    this.#sink.setPlace(placeAround(list, index));
    return true;
  }

  /** Stays where it is, whatever comes: somebody reads with the keyboard. */
  hold(): void {
    const { list, place, range } = this.#state;
    if (this.#scroller === null || place.mode !== "end") return;
    this.#anchor = this.#anchorOf(this.#scroller);
    this.#sink.setPlace(placeOf(list, range));
  }

  /** Puts the focus on a rendered row; without a key, on the last. */
  focus(key?: string): void {
    const rows = this.#content?.querySelectorAll<HTMLElement>("[data-key]");
    const row = key === undefined ? rows?.[rows.length - 1] : rowOf(this.#content, key);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  }

  /** Moves the window on when the reader is near one of its edges. */
  #move(): void {
    const scroller = this.#scroller;
    if (scroller === null) return;
    const { list, place, range, loadOlder } = this.#state;
    const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    if (scroller.scrollTop < EDGE_PX) {
      if (range.start === 0) loadOlder?.();
      else if (place.mode === "between") this.#sink.setPlace(moveUp(list, range));
    }
    if (place.mode === "between" && below < EDGE_PX && range.end < list.length) {
      this.#sink.setPlace(moveDown(list, range));
    }
  }

  /** Puts the scroller where it belongs. */
  #settle(): void {
    const scroller = this.#scroller;
    if (scroller === null) return;
    if (this.#wanted !== null) this.#reach(scroller, this.#wanted);
    else if (this.#state.place.mode === "end") {
      scroller.scrollTop = scroller.scrollHeight;
      this.#pinnedTop = scroller.scrollTop;
    } else this.#restore(scroller);
    this.#sink.setTail(Math.max(TAIL, Math.ceil(scroller.clientHeight / ROW_MIN_PX)));
  }

  #reach(scroller: HTMLElement, key: string): void {
    const row = rowOf(this.#content, key);
    if (row === null) return;
    this.#wanted = null;
    const { top } = scroller.getBoundingClientRect();
    scroller.scrollTop += row.getBoundingClientRect().top - top - scroller.clientHeight / 4;
    this.#anchor = this.#anchorOf(scroller);
    const { list, range } = this.#state;
    // What was looked for stands at the end: then there is nothing to go back to.
    if (isEndOf(scroller) && range.end === list.length) this.#sink.setPlace(AT_END);
  }

  #restore(scroller: HTMLElement): void {
    const row = this.#anchor === null ? null : rowOf(this.#content, this.#anchor.key);
    if (this.#anchor === null || row === null) return;
    const moved = row.getBoundingClientRect().top - scroller.getBoundingClientRect().top - this.#anchor.top;
    if (Math.abs(moved) >= 1) scroller.scrollTop += moved;
  }

  /** The first row that can be seen. */
  #anchorOf(scroller: HTMLElement): Anchor | null {
    const { top } = scroller.getBoundingClientRect();
    const rows = this.#content?.querySelectorAll<HTMLElement>("[data-key]") ?? [];
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
}

/** True if nothing of what is rendered is below. */
function isEndOf({ scrollHeight, scrollTop, clientHeight }: HTMLElement): boolean {
  return scrollHeight - scrollTop - clientHeight <= END_PX;
}

function rowOf(content: HTMLElement | null, key: string): HTMLElement | null {
  return content?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null;
}

/** True while the focus is on a message that is not the last: it must not be carried off by what comes. */
function isReadByKeyboard(content: HTMLElement | null): boolean {
  const focused = document.activeElement?.closest("[data-key]") ?? null;
  if (focused === null || content?.contains(focused) !== true) return false;
  const rows = content.querySelectorAll("[data-key]");
  return focused !== rows[rows.length - 1];
}
