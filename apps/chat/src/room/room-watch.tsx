import { useEffect, type ReactNode } from "react";
import { useChannel, useConnection } from "../session/hooks.ts";
import { markRead, useReadMark } from "../session/read-marks.ts";
import { setUnread } from "../session/unread-counts.ts";
import { countUnread, newestAt } from "../timeline/rows.ts";

/** Messages that are looked at when the page opens, to see what is new. */
export const RECENT = 60;

/** Follows a room that may not be open, and counts what waits there. */
export function RoomWatch({ room }: { readonly room: string }): ReactNode {
  const { publications, isLive } = useChannel("chat:{room}", { room }, { history: RECENT });
  const { user } = useConnection();
  const mark = useReadMark(room);
  const newest = newestAt(publications);
  useEffect(() => {
    // Seen for the first time: what was said before is not new.
    if (mark === 0 && isLive && newest > 0) markRead(room, newest);
  }, [mark, isLive, newest, room]);
  useEffect(() => {
    if (mark === 0) return;
    const isForYou = publications.some(
      (item) =>
        item.type === "publication" &&
        !item.isOwn &&
        item.at > mark &&
        item.data.mentions?.some((person) => person.user === user),
    );
    setUnread(room, { count: countUnread(publications, mark), isForYou });
  }, [publications, mark, room, user]);
  useEffect(() => () => setUnread(room, null), [room]);
  return null;
}
