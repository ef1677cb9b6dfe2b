import { useLayoutEffect, useRef, useState, type RefObject } from "react";
import { AT_END, rangeOf, TAIL, type Keyed, type Place, type Range } from "../timeline/window.ts";
import { ListWindow } from "./list-window.ts";

/** What a list does with its window. */
export interface MessageWindow {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  /** The part of the list that is to be rendered. */
  readonly range: Range;
  /** True while the window goes along with what comes. */
  readonly isAtEnd: boolean;
  /** The same object as long as the list is there. */
  readonly window: ListWindow;
}

/** The window of a list: which rows are rendered. `loadOlder` as in {@link ListWindow.rendered}. */
export function useMessageWindow(list: Keyed, loadOlder: (() => void) | null): MessageWindow {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<Place>(AT_END);
  const [tail, setTail] = useState(TAIL);
  const [window] = useState(() => new ListWindow({ setPlace, setTail }));
  const range = rangeOf(list, place, tail);
  useLayoutEffect(() => window.attach(scroller.current, content.current), [window]);
  useLayoutEffect(() => window.rendered({ list, place, range, loadOlder }));
  return { scroller, content, range, isAtEnd: place.mode === "end", window };
}
