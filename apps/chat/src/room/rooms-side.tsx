import type { RoomEntry } from "carillon/chat-contract";
import { useState, type MouseEvent, type ReactNode } from "react";
import { NewRoom } from "../join/new-room.tsx";
import { useStateChannel } from "../session/hooks.ts";
import { useJoinedRooms } from "../session/joined-rooms.ts";
import { useProfile } from "../session/profile.ts";
import { navigate, roomPath } from "../session/route.ts";
import { shownCount, useUnread } from "../session/unread-counts.ts";
import { displayName } from "../text/display-text.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Bell, Icon } from "../ui/icon.tsx";
import { Sheet } from "../ui/sheet.tsx";
import { ProfileSheet } from "./profile-sheet.tsx";

/** What the side with the rooms needs. */
export interface RoomsSideProps {
  readonly current: string;
  readonly me: string | null;
  /** Called when one goes somewhere, so that a drawer can close. */
  readonly onGo?: () => void;
}

/** The rooms: those one is in, with what waits there, and those one might go to. */
export function RoomsSide({ current, me, onGo }: RoomsSideProps): ReactNode {
  const joined = useJoinedRooms();
  const { entries } = useStateChannel("rooms");
  const [isOpening, setIsOpening] = useState(false);
  const [isProfile, setIsProfile] = useState(false);
  const profile = useProfile();
  const mine = joined.includes(current) ? joined : [...joined, current];
  const others = [...entries.keys()].filter((room) => !mine.includes(room)).sort();
  const go = (room: string): void => {
    navigate(roomPath(room));
    onGo?.();
  };
  const link = (room: string): ReactNode => (
    <RoomLink key={room} room={room} entry={entries.get(room)?.value} isCurrent={room === current} onGo={go} />
  );
  const name = displayName(profile?.name ?? "");
  return (
    <nav className="side rooms" aria-label="Rooms">
      <div className="side-head">
        <a className="wordmark" href="/">
          <Bell />
          Carillon
        </a>
        <button type="button" className="icon-button" aria-label="Open a new room" onClick={() => setIsOpening(true)}>
          <Icon name="plus" />
        </button>
      </div>
      <div className="side-body">
        <h2 className="side-label">Your rooms</h2>
        <ul>{mine.map(link)}</ul>
        {others.length > 0 && <h2 className="side-label">Other rooms</h2>}
        <ul>{others.map(link)}</ul>
      </div>
      <button type="button" className="me" onClick={() => setIsProfile(true)}>
        <Avatar user={me ?? ""} name={name} />
        <span className="name">
          <bdi>{name}</bdi>
          <span className="hint">{profile?.isChosen === false ? "Choose your name" : "Name and appearance"}</span>
        </span>
        <Icon name="settings" />
      </button>
      {isProfile && <ProfileSheet onClose={() => setIsProfile(false)} />}
      {isOpening && <NewRoomSheet onOpened={go} onClose={() => setIsOpening(false)} />}
    </nav>
  );
}

function NewRoomSheet(props: { readonly onOpened: (room: string) => void; readonly onClose: () => void }): ReactNode {
  const { onOpened, onClose } = props;
  return (
    <Sheet label="Open a new room" onClose={onClose}>
      <div className="stack">
        <h2>Open a new room</h2>
        <NewRoom
          onOpened={(room) => {
            onClose();
            onOpened(room);
          }}
        />
        <div className="actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </div>
    </Sheet>
  );
}

/** A room in the list. */
function RoomLink(props: {
  readonly room: string;
  readonly entry: RoomEntry | undefined;
  readonly isCurrent: boolean;
  readonly onGo: (room: string) => void;
}): ReactNode {
  const { room, entry, isCurrent, onGo } = props;
  const { count, isForYou } = useUnread(room);
  const title = titleOf(room, entry);
  const clicked = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onGo(room);
  };
  return (
    <li>
      <a
        className={`room-link${count > 0 ? " is-unread" : ""}`}
        href={roomPath(room)}
        data-room={room}
        aria-current={isCurrent ? "page" : undefined}
        onClick={clicked}
      >
        <span className="sign" aria-hidden="true">
          #
        </span>
        <bdi className="title">{title}</bdi>
        {count > 0 && (
          <span className={`badge${isForYou ? " for-you" : ""}`}>
            {isForYou && <span aria-hidden="true">@</span>}
            {shownCount(count)}
            <span className="hidden-text">{isForYou ? " new, you are mentioned" : " new"}</span>
          </span>
        )}
        {count === 0 && entry !== undefined && entry.count > 0 && (
          <span className="count" title={`${entry.count} here now`}>
            {entry.count}
            <span className="hidden-text"> here now</span>
          </span>
        )}
      </a>
    </li>
  );
}

/** What a room is called. */
export function titleOf(room: string, entry: RoomEntry | undefined): string {
  const title = displayName(entry?.title ?? room);
  return title.startsWith("#") ? title.slice(1) : title;
}
