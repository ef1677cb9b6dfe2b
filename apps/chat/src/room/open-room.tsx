import type { CarillonError } from "@carillon/client";
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { useCall } from "../session/hooks.ts";
import { shownCount, useTotalUnread } from "../session/unread-counts.ts";
import { Sheet } from "../ui/sheet.tsx";
import { Announcer } from "./announcer.tsx";
import { Banner } from "./banner.tsx";
import { Composer, type ComposerHandle } from "./composer.tsx";
import { DeleteSheet } from "./delete-sheet.tsx";
import { LazyEmojiPicker } from "./lazy-emoji-picker.tsx";
import { MessageList, type MessageListHandle } from "./message-list.tsx";
import { PeopleSide } from "./people-side.tsx";
import { RoomHead } from "./room-head.tsx";
import { TypingLine } from "./typing-line.tsx";
import { useReactions } from "./use-reactions.ts";
import { useRoom } from "./use-room.ts";
import { useRoomActions, type RoomActions } from "./use-room-actions.ts";
import { useTyping } from "./use-typing.ts";
import { useUnreadLine } from "./use-unread-line.ts";

/** A room that the server does not let one into, and what it says about that; null: nothing that is worth reading. */
export interface Refusal {
  readonly room: string;
  readonly reason: string | null;
}

/** What an open room needs. */
export interface OpenRoomProps {
  readonly room: string;
  readonly title: string;
  /** What this person is called. */
  readonly name: string;
  readonly onRooms: () => void;
  /** Called when the server does not let this person in. */
  readonly onRefused: (refusal: Refusal) => void;
}

/** The conversation of a room, and the people in it. */
export function OpenRoom(props: OpenRoomProps): ReactNode {
  const { title } = props;
  const view = useConversation(props);
  const { room, acts } = view;
  const [isPeople, setIsPeople] = useState(false);
  useRoomTitle(title);
  return (
    <>
      <main className="room" data-room={props.room}>
        <RoomHead
          title={title}
          countHere={room.people.length}
          onRooms={props.onRooms}
          onPeople={() => setIsPeople(true)}
        />
        <Banner waiting={room.waiting} />
        <MessageList {...view.list} title={title} />
        <div className="foot">
          <TypingLine names={view.typing.names} />
          <Composer
            ref={view.composer}
            room={props.room}
            title={title}
            people={room.mentionable}
            replyTo={acts.replyTo}
            onCancelReply={acts.cancelReply}
            onSend={acts.send}
            onTyping={view.typing.touch}
            onEditLast={acts.editLast}
            onEnterList={view.enterList}
          />
        </div>
        <Announcer timeline={room.timeline} isLive={room.channel.isLive} />
      </main>
      <PeopleSide id="people" people={room.people} />
      {isPeople && (
        <Sheet label="People" className="drawer end" onClose={() => setIsPeople(false)}>
          <PeopleSide people={room.people} />
        </Sheet>
      )}
      <RoomSheets acts={acts} />
    </>
  );
}

/** Everything that an open room knows and does. */
function useConversation({ room: roomName, name, onRefused }: OpenRoomProps) {
  const [isAtEnd, setIsAtEnd] = useState(true);
  const room = useRoom(roomName, name, isAtEnd);
  const { history, channel, timeline, me, nameOf } = room;
  const reactions = useReactions(roomName, name, me);
  const typing = useTyping(roomName, name, me);
  const unread = useUnreadLine(roomName, timeline, isAtEnd && channel.isLive);
  const isDurable = useIsDurable();
  const handle = useRef<MessageListHandle>(null);
  const composer = useRef<ComposerHandle>(null);
  const onSent = (): void => {
    typing.stop();
    unread.clear();
  };
  const acts = useRoomActions({ room, name, reactions, list: handle, composer, onSent });
  useRefusal(channel.error, roomName, onRefused);
  useEffect(() => {
    // On a phone that would open the keyboard over what one came to read.
    if (matchMedia("(pointer: fine)").matches) composer.current?.focus();
  }, []);
  const onLeave = useCallback(() => composer.current?.focus(), []);
  const { loadOlder: load } = history;
  const loadOlder = useCallback(() => void load(), [load]);
  // An empty list is no reason to load what is older while its own messages are on their way to the page.
  const isToCome = timeline.length === 0 && (!channel.isLive || history.timeline.length > 0);
  const list = {
    ref: handle,
    timeline,
    hasMore: history.hasMore,
    isLoading: history.isLoading || isToCome,
    hasFailed: history.error !== null,
    loadOlder,
    unreadSince: unread.since,
    unreadCount: unread.count,
    reactionsOf: reactions.of,
    nameOf,
    me,
    isDurable,
    editingId: acts.editingId,
    actions: acts.actions,
    onEnd: setIsAtEnd,
    onLeave,
  };
  return { room, acts, typing, composer, list, enterList: () => handle.current?.focus() };
}

function RoomSheets({ acts }: { readonly acts: RoomActions }): ReactNode {
  const { deleting, picking } = acts;
  return (
    <>
      {deleting !== null && <DeleteSheet item={deleting} onDelete={acts.confirmDelete} onClose={acts.cancelDelete} />}
      {picking !== null && <LazyEmojiPicker label="Add reaction" onPick={acts.pick} onClose={acts.cancelPick} />}
    </>
  );
}

/** The room, and before it what waits in all rooms. */
function useRoomTitle(title: string): void {
  const total = useTotalUnread();
  useEffect(() => {
    document.title = `${total > 0 ? `(${shownCount(total)}) ` : ""}${title} · Carillon`;
  }, [title, total]);
}

function useRefusal(error: CarillonError | null, room: string, onRefused: (refusal: Refusal) => void): void {
  useEffect(() => {
    if (error?.code === "forbidden" || error?.code === "unknown_channel") onRefused({ room, reason: null });
    if (error?.code === "room.limit") onRefused({ room, reason: error.message });
  }, [error, room, onRefused]);
}

/** Whether the server keeps what is said; true until it has said that it doesn't. */
function useIsDurable(): boolean {
  const { call, data } = useCall("server.about");
  useEffect(() => {
    call(null).catch(() => {});
  }, [call]);
  return data?.isDurable ?? true;
}
