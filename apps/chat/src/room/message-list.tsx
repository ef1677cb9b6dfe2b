import type { Reaction } from "carillon/chat-contract";
import {
  memo,
  useCallback,
  useEffect,
  useImperativeHandle,
  useMemo,
  useRef,
  useState,
  type ReactNode,
  type Ref,
} from "react";
import { rowsOf, type ChatItem, type Row } from "../timeline/rows.ts";
import { shownCount } from "../session/unread-counts.ts";
import { Icon } from "../ui/icon.tsx";
import { Beginning, DayRule, GapNote, Older, UnreadRule } from "./list-marks.tsx";
import type { ListWindow } from "./list-window.ts";
import type { MessageActions } from "./message-actions.ts";
import { MessageRow } from "./message-row.tsx";
import { useListKeyboard, type ListKeyboard } from "./use-list-keyboard.ts";
import { useMessageWindow } from "./use-message-window.ts";

/** A message that was looked for is marked for this long, in milliseconds. */
const FOUND_MS = 2_000;

/** What the room may ask of its list. */
export interface MessageListHandle {
  /** Goes to the end and stays there. */
  readonly jumpToEnd: () => void;
  /** Goes to a message; false if the list does not have it. */
  readonly show: (id: string) => boolean;
  /** Puts the focus on the last message, or on that one. */
  readonly focus: (key?: string) => void;
}

/** What the list shows. */
export interface MessageListProps {
  readonly ref: Ref<MessageListHandle>;
  readonly title: string;
  readonly timeline: readonly ChatItem[];
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly hasFailed: boolean;
  readonly loadOlder: () => void;
  /** Store time after which other people's messages are new; null: no line. */
  readonly unreadSince: number | null;
  /** Messages of other people that were not read. */
  readonly unreadCount: number;
  readonly reactionsOf: (id: string) => readonly Reaction[] | undefined;
  /** What somebody is called now. */
  readonly nameOf: (item: Exclude<ChatItem, { type: "gap" }>) => string;
  readonly me: string | null;
  readonly isDurable: boolean;
  readonly editingId: string | null;
  readonly actions: MessageActions;
  /** Called when the end of the list comes into view or leaves it. */
  readonly onEnd: (isAtEnd: boolean) => void;
  readonly onLeave: () => void;
}

/** The messages of a room. */
export const MessageList: (props: MessageListProps) => ReactNode = memo(function MessageList(props: MessageListProps) {
  const { timeline, hasMore, isLoading, hasFailed, loadOlder, unreadSince, unreadCount, onEnd } = props;
  const view = useMessageWindow(timeline, hasMore && !isLoading && !hasFailed ? loadOlder : null);
  const { range, isAtEnd, window } = view;
  const rows = useMemo(
    () => rowsOf(timeline, { start: range.start, end: range.end, unreadSince }),
    [timeline, range.start, range.end, unreadSince],
  );
  const [found, setFound] = useState<string | null>(null);
  const show = useCallback(
    (key: string): boolean => {
      setFound(key);
      return window.show(key);
    },
    [window],
  );
  useEffect(() => {
    const timer = found === null ? undefined : setTimeout(() => setFound(null), FOUND_MS);
    return () => clearTimeout(timer);
  }, [found]);
  useEffect(() => onEnd(isAtEnd), [isAtEnd, onEnd]);
  useOpenAtUnread(timeline, unreadSince, window);
  const keyboard = useListKeyboard({ rows, window, actions: props.actions, onLeave: props.onLeave });
  useImperativeHandle(
    props.ref,
    () => ({ show, jumpToEnd: () => window.jumpToEnd(), focus: (key) => window.focus(key) }),
    [show, window],
  );
  const isBeginning = range.start === 0 && !hasMore;
  return (
    <div className="list-area">
      <div
        ref={view.scroller}
        className="list"
        role="log"
        aria-live="off"
        aria-label={`Messages in ${props.title}`}
        tabIndex={-1}
        onScroll={() => window.scrolled()}
        {...keyboard.handlers}
      >
        <div ref={view.content} className="list-inner">
          {isBeginning && <Beginning title={props.title} isDurable={props.isDurable} isEmpty={timeline.length === 0} />}
          {!isBeginning && <Older isLoading={isLoading} hasFailed={hasFailed} onRetry={loadOlder} />}
          {rows.map((row) => renderRow(row, props, keyboard, found))}
        </div>
      </div>
      {!isAtEnd && (
        <button type="button" className={`jump${unreadCount > 0 ? " has-new" : ""}`} onClick={() => window.jumpToEnd()}>
          <Icon name="arrowDown" />
          {unreadCount > 0
            ? `${shownCount(unreadCount)} new ${unreadCount === 1 ? "message" : "messages"}`
            : "Jump to latest"}
        </button>
      )}
    </div>
  );
});

function renderRow(
  row: Row,
  props: MessageListProps,
  { activeKey, tabStop }: ListKeyboard,
  found: string | null,
): ReactNode {
  if (row.kind === "day") return <DayRule key={row.key} at={row.at} />;
  if (row.kind === "unread") return <UnreadRule key={row.key} />;
  if (row.kind === "gap") return <GapNote key={row.key} reason={row.reason} />;
  const { item } = row;
  return (
    <MessageRow
      key={row.key}
      item={item}
      isFirst={row.isFirst}
      name={props.nameOf(item)}
      me={props.me}
      reactions={props.reactionsOf(item.id)}
      isActive={activeKey === row.key}
      isTabStop={tabStop === row.key}
      isEditing={props.editingId === item.id}
      isFound={found === row.key}
      actions={props.actions}
    />
  );
}

/** Opens a room where reading goes on, once its messages are there. */
function useOpenAtUnread(timeline: readonly ChatItem[], since: number | null, window: ListWindow): void {
  const isOpened = useRef(false);
  useEffect(() => {
    if (isOpened.current || timeline.length === 0) return;
    isOpened.current = true;
    if (since === null) return;
    const first = timeline.find((item) => item.type === "publication" && !item.isOwn && item.at > since);
    if (first !== undefined) window.show(first.key);
  }, [timeline, since, window]);
}
