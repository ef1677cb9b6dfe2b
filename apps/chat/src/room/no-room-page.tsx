import { useEffect, type ReactNode } from "react";
import { NoticePage } from "../join/notice-page.tsx";
import { leaveRoom } from "../session/joined-rooms.ts";
import { LOBBY, navigate, roomPath } from "../session/route.ts";
import { excerptOf } from "../text/display-text.ts";

/** Says that one may not be in a room, or that there can be none of that name; or, with a reason, not now. */
export function NoRoomPage(props: { readonly room: string; readonly reason?: string | null }): ReactNode {
  const { room, reason = null } = props;
  useEffect(() => {
    leaveRoom(room);
    document.title = "Carillon";
  }, [room]);
  return (
    <NoticePage
      title={reason === null ? "This room is closed to you" : "This room can’t be opened now"}
      actions={
        <>
          <button type="button" className="button primary" onClick={() => navigate(roomPath(LOBBY))}>
            Go to the lobby
          </button>
          <button type="button" className="button" onClick={() => navigate("/")}>
            See all rooms
          </button>
        </>
      }
    >
      <p>
        The server does not let you into{" "}
        <code>
          <bdi>{excerptOf(room, 60)}</bdi>
        </code>
        .{" "}
        {reason ??
          "Perhaps the link is not complete: names of rooms are lower-case words and digits, joined by hyphens."}
      </p>
    </NoticePage>
  );
}
