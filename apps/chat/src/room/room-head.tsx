import type { ReactNode } from "react";
import { Icon } from "../ui/icon.tsx";
import { notify } from "../ui/notices.tsx";

/** The head of a room. */
export function RoomHead(props: {
  readonly title: string;
  readonly countHere: number;
  readonly onRooms: () => void;
  readonly onPeople: () => void;
}): ReactNode {
  const { title, countHere, onRooms, onPeople } = props;
  return (
    <header className="room-head">
      <button
        type="button"
        className="icon-button only-narrow"
        aria-label="Rooms"
        aria-haspopup="dialog"
        onClick={onRooms}
      >
        <Icon name="menu" />
      </button>
      <h1>
        <bdi>{title}</bdi>
      </h1>
      <button
        type="button"
        className="icon-button"
        aria-label="Copy link to this room"
        title="Copy link"
        onClick={copyLink}
      >
        <Icon name="link" />
      </button>
      <button
        type="button"
        className="icon-button only-middle"
        aria-label={`People, ${countHere} here now`}
        aria-haspopup="dialog"
        onClick={onPeople}
      >
        <Icon name="people" />
        <span aria-hidden="true">{countHere}</span>
      </button>
    </header>
  );
}

function copyLink(): void {
  const link = `${location.origin}${location.pathname}`;
  // A page that is not served securely has no clipboard: then the address is shown, to be copied by hand.
  if (navigator.clipboard === undefined) {
    notify(link);
    return;
  }
  navigator.clipboard.writeText(link).then(
    () => notify("Link copied"),
    () => notify(link),
  );
}
