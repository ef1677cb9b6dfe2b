import type { RoomEntry } from "carillon/chat-contract";
import type { ReactNode } from "react";
import { displayName } from "../text/display-text.ts";
import { Avatar } from "../ui/avatar.tsx";

/** A room that one may go into, with those who are there. */
export function RoomChoice(props: {
  readonly room: string;
  readonly entry: RoomEntry;
  readonly onChoose: (room: string) => void;
}): ReactNode {
  const { room, entry, onChoose } = props;
  return (
    <li>
      <button type="button" className="join-room" data-room={room} onClick={() => onChoose(room)}>
        <span className="what">
          <span className="title">
            <bdi>{displayName(entry.title)}</bdi>
          </span>
          <span className="who">{whoIsThere(entry)}</span>
        </span>
        <span className="avatars">
          {entry.people.slice(0, 3).map(({ user, name }) => (
            <Avatar key={user} user={user} name={displayName(name)} isSmall />
          ))}
        </span>
      </button>
    </li>
  );
}

/** Those in a room, in words. */
function whoIsThere({ count, people }: RoomEntry): string {
  const names = people.slice(0, 2).map(({ name }) => displayName(name));
  const others = count - names.length;
  if (count === 0) return "Nobody here right now";
  if (others === 0) return `${names.join(" and ")} ${count === 1 ? "is" : "are"} here`;
  return `${names.join(", ")} and ${others} ${others === 1 ? "other" : "others"} are here`;
}
