import { useRef, useState, type FocusEvent, type KeyboardEvent, type PointerEvent } from "react";
import type { Row } from "../timeline/rows.ts";
import type { ListWindow } from "./list-window.ts";
import type { MessageActions } from "./message-actions.ts";

/** What the keyboard needs of the list. */
export interface ListKeyboardOptions {
  readonly rows: readonly Row[];
  readonly window: ListWindow;
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
export function useListKeyboard(options: ListKeyboardOptions): ListKeyboard {
  const [focused, setFocused] = useState<string | null>(null);
  const [hovered, setHovered] = useState<string | null>(null);
  const stop = useRef<string | null>(null);
  const messages = options.rows.filter((row): row is MessageRow => row.kind === "message");
  const isStopThere = messages.some(({ key }) => key === stop.current);
  return {
    activeKey: hovered ?? focused,
    tabStop: isStopThere ? stop.current : (messages.at(-1)?.key ?? null),
    handlers: {
      onKeyDown: (event) => {
        const key = keyOf(event.target);
        if (key === null || event.ctrlKey || event.metaKey || event.altKey) return;
        if (go(event, key, messages, options) || act(event, key, messages, options.actions)) event.preventDefault();
      },
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

/** Goes to another message, or out of the list. True: the key was one of those. */
function go(
  event: KeyboardEvent,
  key: string,
  messages: readonly MessageRow[],
  { window, onLeave }: ListKeyboardOptions,
): boolean {
  const index = messages.findIndex((row) => row.key === key);
  const target = TARGETS.get(event.key)?.(index);
  if (event.key === "Escape") {
    if (isOnRow(event, key)) onLeave();
    else window.focus(key);
  } else if (event.key === "End") {
    window.jumpToEnd();
    // When the end is rendered.
    requestAnimationFrame(() => window.focus());
  } else if (target === undefined) return false;
  else if (target >= messages.length) onLeave();
  else {
    // What is read with the keyboard must not be carried off by what comes.
    if (target < messages.length - 1) window.hold();
    const next = messages[Math.max(0, target)];
    if (next !== undefined) window.focus(next.key);
  }
  return true;
}

/** Where keys lead from the message at an index. */
const TARGETS: ReadonlyMap<string, (index: number) => number> = new Map<string, (index: number) => number>([
  ["ArrowUp", (index) => index - 1],
  ["ArrowDown", (index) => index + 1],
  ["Home", () => 0],
]);

/** Does something with the message that has the focus. True: the key was for that. */
function act(event: KeyboardEvent, key: string, messages: readonly MessageRow[], actions: MessageActions): boolean {
  const item = messages.find((row) => row.key === key)?.item;
  if (!isOnRow(event, key) || item?.type !== "publication" || item.status !== "sent") return false;
  if (event.key === "r") actions.reply(item);
  else if (event.key === "+") actions.pickReaction(item);
  else if (event.key === "e" && item.isOwn) actions.edit(item);
  else if ((event.key === "Delete" || event.key === "Backspace") && item.isOwn) actions.remove(item);
  else return false;
  return true;
}

/** True if the message itself has the focus, not a button in it. */
function isOnRow({ target }: KeyboardEvent, key: string): boolean {
  return target instanceof HTMLElement && target.dataset["key"] === key;
}

function keyOf(target: EventTarget): string | null {
  return target instanceof Element ? (target.closest<HTMLElement>("[data-key]")?.dataset["key"] ?? null) : null;
}
