import { useEffect, useState, type ReactNode } from "react";
import { useConnection, useStateChannel } from "../session/hooks.ts";
import { joinRoom, useJoinedRooms } from "../session/joined-rooms.ts";
import { useProfile } from "../session/profile.ts";
import { Sheet } from "../ui/sheet.tsx";
import { NoRoomPage } from "./no-room-page.tsx";
import { OpenRoom, type Refusal } from "./open-room.tsx";
import { RoomWatch } from "./room-watch.tsx";
import { RoomsSide, titleOf } from "./rooms-side.tsx";

/** What can be the name of a room in a channel's name; the server has more to say about it. */
const SEGMENT = /^[A-Za-z0-9_.~=+-]{1,180}$/;

/** A room, between the rooms and the people. */
export function RoomPage({ room }: { readonly room: string }): ReactNode {
  if (!SEGMENT.test(room)) return <NoRoomPage room={room} />;
  return <RoomFrame room={room} />;
}

function RoomFrame({ room }: { readonly room: string }): ReactNode {
  const { user } = useConnection();
  const profile = useProfile();
  const joined = useJoinedRooms();
  const { entries } = useStateChannel("rooms");
  const [isDrawer, setIsDrawer] = useState(false);
  const [refused, setRefused] = useState<Refusal | null>(null);
  const isRefused = refused?.room === room;
  useEffect(() => {
    if (!isRefused) joinRoom(room);
  }, [room, isRefused]);
  if (isRefused) return <NoRoomPage room={room} reason={refused.reason} />;
  const name = profile?.name ?? "";
  return (
    <div className="frame">
      <RoomsSide current={room} me={user} />
      <OpenRoom
        key={room}
        room={room}
        title={titleOf(room, entries.get(room)?.value)}
        name={name}
        onRooms={() => setIsDrawer(true)}
        onRefused={setRefused}
      />
      {joined.map((one) => (
        <RoomWatch key={one} room={one} />
      ))}
      {isDrawer && (
        <Sheet label="Rooms" className="drawer" onClose={() => setIsDrawer(false)}>
          <RoomsSide current={room} me={user} onGo={() => setIsDrawer(false)} />
        </Sheet>
      )}
    </div>
  );
}
