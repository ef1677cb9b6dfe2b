import type { ChatMessage } from "carillon/chat-contract";
import { useCallback, useEffect, useMemo } from "react";
import { useIsIdle } from "../session/attention.ts";
import { useChannel, useConnection, useHistory, usePresence } from "../session/hooks.ts";
import { displayName } from "../text/display-text.ts";
import type { Mention } from "../text/mentions.ts";
import type { ChatItem, MessageItem } from "../timeline/rows.ts";
import type { PersonHere } from "./people-side.tsx";
import { RECENT } from "./room-watch.tsx";
import { useCalm } from "./use-calm.ts";

/** Messages on a page of history. */
const PAGE_SIZE = 60;
/** Messages that are kept while the end is read: enough to scroll back a while. What goes is loaded again when wanted. */
const KEPT_AT_END = 1_000;
/** Messages that are kept while somebody reads further up: all that the server has, and what comes meanwhile. */
const KEPT_MAX = 12_000;

/** A room, as its page sees it. */
export interface Room {
  readonly me: string | null;
  readonly channel: ReturnType<typeof useRoomChannel>;
  readonly history: ReturnType<typeof useRoomHistory>;
  readonly timeline: readonly ChatItem[];
  readonly people: readonly PersonHere[];
  /** Everybody who can be named: those who are here, without oneself. */
  readonly mentionable: readonly Mention[];
  readonly nameOf: (item: MessageItem) => string;
  /** Own messages that are not stored yet. */
  readonly waiting: number;
}

/** Follows a room: its messages, and who is there. While the end of the list is read, less of it is kept. */
export function useRoom(room: string, name: string, isAtEnd: boolean): Room {
  const { user: me } = useConnection();
  const isIdle = useIsIdle();
  const channel = useRoomChannel(room);
  const history = useRoomHistory(room, isAtEnd ? KEPT_AT_END : KEPT_MAX);
  const timeline = useCalm(history.timeline);
  const { users } = usePresence("chat:{room}", { room }, { info: { name, isIdle } });
  const people = useMemo(
    () =>
      users
        .map(({ user, info, members, isSelf }): PersonHere => {
          // Who is awake in one tab is awake.
          const isAway = members.every((member) => member.info.isIdle === true);
          return { user, name: info.name, isIdle: isAway, isSelf };
        })
        .sort(
          (a, b) =>
            Number(b.isSelf) - Number(a.isSelf) || Number(a.isIdle) - Number(b.isIdle) || a.name.localeCompare(b.name),
        ),
    [users],
  );
  const names = useMemo(() => new Map(people.map((person) => [person.user, person.name])), [people]);
  const mentionable = useMemo(
    () =>
      people.filter(({ isSelf }) => !isSelf).map((person) => ({ user: person.user, name: displayName(person.name) })),
    [people],
  );
  const nameOf = useCallback(
    (item: MessageItem): string => {
      if (item.isOwn) return name;
      const said = item.type === "publication" ? item.data.name : "Somebody";
      return names.get(item.publisher?.user ?? "") ?? said;
    },
    [names, name],
  );
  const waiting = useMemo(() => countWaiting(timeline), [timeline]);
  useLeaveWarning(waiting > 0);
  return { me, channel, history, timeline, people, mentionable, nameOf, waiting };
}

function useRoomChannel(room: string) {
  return useChannel("chat:{room}", { room }, { history: RECENT });
}

function useRoomHistory(room: string, limit: number) {
  return useHistory("chat:{room}", { room }, { pageSize: PAGE_SIZE, limit });
}

/** They stand at the end. */
function countWaiting(timeline: readonly ChatItem[]): number {
  let count = 0;
  for (let index = timeline.length - 1; index >= 0; index--) {
    const item = timeline[index];
    if (item?.type !== "publication" || item.status === "sent") break;
    if (item.status === "sending") count++;
  }
  return count;
}

/** What waits to be sent would be lost with the page. */
function useLeaveWarning(isWaiting: boolean): void {
  useEffect(() => {
    if (!isWaiting) return undefined;
    const leaving = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", leaving);
    return () => removeEventListener("beforeunload", leaving);
  }, [isWaiting]);
}

/** A message without the fields that are not there: the contract's optional fields are absent, not undefined. */
export function messageOf(data: ChatMessage): ChatMessage {
  const { replyTo, mentions, isEdited, text, name } = data;
  return {
    text,
    name,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(mentions === undefined || mentions.length === 0 ? {} : { mentions }),
    ...(isEdited === true ? { isEdited } : {}),
  };
}
