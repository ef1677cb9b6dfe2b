import { useEffect, type ReactNode } from "react";
import { JoinPage } from "./join/join-page.tsx";
import { RefusedPage } from "./join/refused-page.tsx";
import { RoomPage } from "./room/room-page.tsx";
import { ensureName } from "./session/profile.ts";
import { useConnection } from "./session/hooks.ts";
import { useRoute } from "./session/route.ts";
import { useTotalUnread } from "./session/unread-counts.ts";
import { Notices } from "./ui/notices.tsx";

/** The chat: the way in, or a room, or why there is neither. */
export function App(): ReactNode {
  const route = useRoute();
  const connection = useConnection();
  const total = useTotalUnread();
  useEffect(() => {
    if (route.page === "room") ensureName();
    else document.title = total > 0 ? `(${total}) Carillon` : "Carillon";
  }, [route, total]);
  if (connection.state === "disconnected" && connection.error !== null) {
    return <RefusedPage error={connection.error} onRetry={connection.connect} />;
  }
  return (
    <>
      {route.page === "join" ? <JoinPage /> : <RoomPage room={route.room} />}
      <Notices />
    </>
  );
}
