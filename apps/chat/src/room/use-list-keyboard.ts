import { useCallback, useRef, useState, type FocusEvent, type KeyboardEvent, type PointerEvent } from "react";
import type { Row } from "../timeline/rows.ts";
import type { MessageActions } from "./message-actions.ts";
import { rowOf, type MessageWindow } from "./use-message-window.ts";

/** What the keyboard needs of the list. */
export interface ListKeyboardOptions {
  readonly rows: readonly Row[];
  readonly view: MessageWindow;
  readonly actions: MessageActions;
  /** Leaves the list for the composer. */
  readonly onLeave: () => void;
}

type MessageRow = Extract<Row, { readonly kind: "message" }>;

/** What the list does with keys, focus and pointer. */
export interface ListKeyboard {
  /** The message whose toolbar is there. */
  readonly activeKey: string | null;
  /** The one message that Tab leads to. */
  readonly tabStop: string | null;
  readonly focus: (key?: string) => void;
  readonly handlers: {
    readonly onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
    readonly onFocus: (event: FocusEvent<HTMLElement>) => void;
    readonly onBlur: (event: FocusEvent<HTMLElement>) => void;
    readonly onPointerOver: (event: PointerEvent<HTMLElement>) => void;
    readonly onPointerLeave: () => void;
  };
}

/**
 * One tab stop for the whole list: arrows, Home and End go from message to message, Tab leads into the toolbar of the
 * one that has the focus, letters act on it, Escape goes back to the composer.
 */
export function useListKeyboard({ rows, view, actions, onLeave }: ListKeyboardOptions): ListKeyboard {
  const [focused, setFocused] = useState<string | null>(null);
  const [hovered, setHovered] = useState<string | null>(null);
  const stop = useRef<string | null>(null);
  const messages = rows.filter((row): row is MessageRow => row.kind === "message");
  const keys = messages.map((row) => row.key);
  const lastKey = keys.at(-1) ?? null;
  const tabStop = stop.current !== null && keys.includes(stop.current) ? stop.current : lastKey;
  const { content, hold, jumpToEnd } = view;

  const focus = useCallback(
    (key?: string): void => {
      const all = content.current?.querySelectorAll<HTMLElement>("[data-key]");
      const row = key === undefined ? all?.[all.length - 1] : rowOf(content.current, key);
      row?.focus({ preventScroll: true });
      row?.scrollIntoView({ block: "nearest" });
    },
    [content],
  );

  const step = (from: string, by: number): void => {
    const next = keys[keys.indexOf(from) + by];
    if (next === undefined) {
      if (by > 0) onLeave();
      return;
    }
    // What is read with the keyboard must not be carried off by what comes.
    if (next !== lastKey) hold();
    focus(next);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const key = keyOf(event.target);
    if (key === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const isOnRow = event.target instanceof HTMLElement && event.target.dataset["key"] === key;
    const item = messages.find((row) => row.key === key)?.item;
    const move = MOVES.get(event.key);
    if (event.key === "Escape") {
      if (isOnRow) onLeave();
      else focus(key);
    } else if (move !== undefined) step(key, move);
    else if (event.key === "Home" && keys[0] !== undefined) {
      hold();
      focus(keys[0]);
    } else if (event.key === "End") {
      jumpToEnd();
      requestAnimationFrame(() => focus());
    } else if (!isOnRow || item?.type !== "publication" || item.status !== "sent") return;
    else if (event.key === "r") actions.reply(item);
    else if (event.key === "e" && item.isOwn) actions.edit(item);
    else if ((event.key === "Delete" || event.key === "Backspace") && item.isOwn) actions.remove(item);
    else if (event.key === "+") actions.pickReaction(item);
    else return;
    event.preventDefault();
  };

  return {
    activeKey: hovered ?? focused,
    tabStop,
    focus,
    handlers: {
      onKeyDown,
      onFocus: (event) => {
        const key = keyOf(event.target);
        stop.current = key;
        setFocused(key);
      },
      onBlur: (event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocused(null);
      },
      onPointerOver: (event) => {
        // A finger does not hover: it puts the focus on what it taps, and that shows the toolbar.
        if (event.pointerType === "mouse") setHovered(keyOf(event.target));
      },
      onPointerLeave: () => setHovered(null),
    },
  };
}

const MOVES: ReadonlyMap<string, number> = new Map([
  ["ArrowUp", -1],
  ["ArrowDown", 1],
]);

function keyOf(target: EventTarget): string | null {
  return target instanceof Element ? (target.closest<HTMLElement>("[data-key]")?.dataset["key"] ?? null) : null;
}
