import { useEffect, useRef, useState, type ReactNode } from "react";
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
import { useRoomActions } from "./use-room-actions.ts";
import { useTyping } from "./use-typing.ts";
import { useUnreadLine } from "./use-unread-line.ts";

/** What an open room needs. */
export interface OpenRoomProps {
  readonly room: string;
  readonly title: string;
  /** What this person is called. */
  readonly name: string;
  readonly onRooms: () => void;
  /** Called when the server does not let this person in. */
  readonly onRefused: (room: string) => void;
}

/** The conversation of a room, and the people in it. */
export function OpenRoom(props: OpenRoomProps): ReactNode {
  const { room: roomName, title, name } = props;
  const [isAtEnd, setIsAtEnd] = useState(true);
  const room = useRoom(roomName, name, isAtEnd);
  const reactions = useReactions(roomName, name, room.me);
  const typing = useTyping(roomName, name, room.me);
  const unread = useUnreadLine(roomName, room.timeline, isAtEnd && room.channel.isLive);
  const isDurable = useIsDurable();
  const list = useRef<MessageListHandle>(null);
  const composer = useRef<ComposerHandle>(null);
  const [isPeople, setIsPeople] = useState(false);
  const onSent = (): void => {
    typing.stop();
    unread.clear();
  };
  const acts = useRoomActions({ room, name, reactions, list, composer, onSent });
  useRoomTitle(title);
  useRefusal(room.channel.error?.code, roomName, props.onRefused);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) composer.current?.focus();
  }, []);
  const { history, channel } = room;
  return (
    <>
      <main className="room" data-room={roomName}>
        <RoomHead
          title={title}
          countHere={room.people.length}
          onRooms={props.onRooms}
          onPeople={() => setIsPeople(true)}
        />
        <Banner waiting={room.waiting} />
        {channel.name !== "" && (
          <MessageList
            ref={list}
            title={title}
            timeline={room.timeline}
            hasMore={history.hasMore}
            isLoading={history.isLoading || (!channel.isLive && room.timeline.length === 0)}
            hasFailed={history.error !== null}
            loadOlder={history.loadOlder}
            unreadSince={unread.since}
            unreadCount={unread.count}
            reactionsOf={reactions.of}
            nameOf={room.nameOf}
            me={room.me}
            isDurable={isDurable}
            editingId={acts.editingId}
            actions={acts.actions}
            onEnd={setIsAtEnd}
            onLeave={() => composer.current?.focus()}
          />
        )}
        <div className="foot">
          <TypingLine names={typing.names} />
          <Composer
            ref={composer}
            room={roomName}
            title={title}
            people={room.mentionable}
            replyTo={acts.replyTo}
            onCancelReply={acts.cancelReply}
            onSend={acts.send}
            onTyping={typing.touch}
            onEditLast={acts.editLast}
            onEnterList={() => list.current?.focus()}
          />
        </div>
        <Announcer timeline={room.timeline} isLive={channel.isLive} />
      </main>
      <PeopleSide id="people" people={room.people} />
      {isPeople && (
        <Sheet label="People" className="drawer end" onClose={() => setIsPeople(false)}>
          <PeopleSide people={room.people} />
        </Sheet>
      )}
      {acts.deleting !== null && (
        <DeleteSheet item={acts.deleting} onDelete={acts.confirmDelete} onClose={acts.cancelDelete} />
      )}
      {acts.picking !== null && <LazyEmojiPicker label="Add reaction" onPick={acts.pick} onClose={acts.cancelPick} />}
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

function useRefusal(code: string | undefined, room: string, onRefused: (room: string) => void): void {
  useEffect(() => {
    if (code === "forbidden" || code === "unknown_channel") onRefused(room);
  }, [code, room, onRefused]);
}

/** Whether the server keeps what is said; true until it has said that it doesn't. */
function useIsDurable(): boolean {
  const { call, data } = useCall("server.about");
  useEffect(() => {
    call(null).catch(() => {});
  }, [call]);
  return data?.isDurable ?? true;
}
