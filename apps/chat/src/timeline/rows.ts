import type { ListItem } from "@carillon/react";
import type { ChatMessage } from "carillon/chat-contract";

/** One item of the room's log. */
export type ChatItem = ListItem<ChatMessage>;
/** A message, or what is left of one. */
export type MessageItem = Exclude<ChatItem, { readonly type: "gap" }>;

/** One row of the list as it is shown. */
export type Row =
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "unread"; readonly key: string }
  | { readonly kind: "gap"; readonly key: string; readonly reason: string }
  | {
      readonly kind: "message";
      readonly key: string;
      readonly item: MessageItem;
      /** True: shown with name and picture. False: it goes on with what the same person said just before. */
      readonly isFirst: boolean;
    };

/** What rows are made from. */
export interface RowsOptions {
  /** The first and the one behind the last item of the part that is shown. */
  readonly start: number;
  readonly end: number;
  /** Store time after which other people's messages are new; null: no line. */
  readonly unreadSince: number | null;
}

/** What one person says within this time of what they said before stands under one name, in milliseconds. */
const GROUP_MS = 5 * 60_000;

/** The rows of a part of the timeline: messages in groups, a line for each day, for what is new, and for gaps. */
export function rowsOf(timeline: readonly ChatItem[], { start, end, unreadSince }: RowsOptions): Row[] {
  const rows: Row[] = [];
  let before: ChatItem | undefined = timeline[start - 1];
  let dayBefore = before === undefined || before.type === "gap" ? null : before.at;
  let isUnreadLineDue = unreadSince !== null && !hasUnread(timeline, start, unreadSince);
  for (const item of timeline.slice(start, end)) {
    if (item.type === "gap") {
      rows.push({ kind: "gap", key: item.key, reason: item.reason });
      before = item;
      continue;
    }
    const isNewDay = dayBefore === null || !isSameDay(dayBefore, item.at);
    if (isNewDay) rows.push({ kind: "day", key: `day ${item.key}`, at: item.at });
    const isUnreadLine = isUnreadLineDue && unreadSince !== null && isUnread(item, unreadSince);
    if (isUnreadLine) {
      isUnreadLineDue = false;
      rows.push({ kind: "unread", key: "unread" });
    }
    const isFirst = isNewDay || isUnreadLine || !continues(before, item);
    rows.push({ kind: "message", key: item.key, item, isFirst });
    before = item;
    dayBefore = item.at;
  }
  return rows;
}

/** How many messages of other people came after a time: counted from the end, and no further than `countMax`. */
export function countUnread(timeline: readonly ChatItem[], since: number, countMax: number = 100): number {
  let count = 0;
  for (let index = timeline.length - 1; index >= 0 && count < countMax; index--) {
    const item = timeline[index];
    if (item === undefined || item.type === "gap") continue;
    if (item.at <= since && !item.isOwn) break;
    if (isUnread(item, since)) count++;
  }
  return count;
}

/** The place of the first message of another person after a time; -1 if there is none. */
export function firstUnread(timeline: readonly ChatItem[], since: number): number {
  return timeline.findIndex((item) => item.type !== "gap" && isUnread(item, since));
}

/** Store time of the newest message that the server has; 0: there is none. */
export function newestAt(timeline: readonly ChatItem[]): number {
  for (let index = timeline.length - 1; index >= 0; index--) {
    const item = timeline[index];
    if (item?.type === "tombstone" || (item?.type === "publication" && item.status === "sent")) return item.at;
  }
  return 0;
}

/** True for two times of one day where the reader is. */
function isSameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

function hasUnread(timeline: readonly ChatItem[], end: number, since: number): boolean {
  // From the end, because what is new stands there: one look tells for the many parts that are older.
  for (let index = end - 1; index >= 0; index--) {
    const item = timeline[index];
    if (item === undefined || item.type === "gap") continue;
    if (isUnread(item, since)) return true;
    if (item.at <= since) return false;
  }
  return false;
}

function isUnread(item: MessageItem, since: number): boolean {
  return item.type === "publication" && !item.isOwn && item.at > since;
}

function continues(before: ChatItem | undefined, item: MessageItem): boolean {
  if (before === undefined || before.type === "gap") return false;
  const isAnswer = item.type === "publication" && item.data.replyTo !== undefined;
  return authorOf(before) === authorOf(item) && item.at - before.at < GROUP_MS && !isAnswer;
}

/** Own messages belong together before the first connection has said who one is. */
function authorOf(item: MessageItem): string {
  return item.isOwn ? "own" : (item.publisher?.user ?? "server");
}
