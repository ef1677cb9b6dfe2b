import { useSyncExternalStore } from "react";
import { storedValue } from "./stored-value.ts";

/** Rooms that one page follows at most; the one that was opened longest ago goes first. */
const ROOMS_MAX = 20;

const joined = storedValue<readonly string[]>({
  key: "carillon.rooms",
  read: (stored) =>
    Array.isArray(stored) ? stored.filter((room): room is string => typeof room === "string").slice(-ROOMS_MAX) : [],
});

/** The rooms that this person follows: those once opened and not left. */
export function useJoinedRooms(): readonly string[] {
  return useSyncExternalStore(joined.subscribe, joined.get);
}

/** Follows a room from now on. */
export function joinRoom(room: string): void {
  const rooms = joined.get();
  if (!rooms.includes(room)) joined.set([...rooms, room].slice(-ROOMS_MAX));
}

/** Follows a room no longer. */
export function leaveRoom(room: string): void {
  joined.set(joined.get().filter((name) => name !== room));
}
