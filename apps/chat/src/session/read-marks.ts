import { useSyncExternalStore } from "react";
import { storedValue } from "./stored-value.ts";

/** Store time of the newest message that was read, by room. */
type ReadMarks = Readonly<Record<string, number>>;

/** Rooms that are remembered at most. */
const ROOMS_MAX = 200;

const marks = storedValue<ReadMarks>({ key: "carillon.read", read: readMarks });

/** Up to when a room was read; 0: never. */
export function useReadMark(room: string): number {
  return useSyncExternalStore(marks.subscribe, () => readMark(room));
}

/** Up to when a room was read; 0: never. */
export function readMark(room: string): number {
  return Object.hasOwn(marks.get(), room) ? (marks.get()[room] ?? 0) : 0;
}

/** Marks a room as read up to a message's time, in every tab. Never goes back. */
export function markRead(room: string, at: number): void {
  if (at <= readMark(room)) return;
  const rest = Object.entries(marks.get()).filter(([name]) => name !== room);
  marks.set(Object.fromEntries([...rest, [room, at] as const].slice(-ROOMS_MAX)));
}

function readMarks(stored: unknown): ReadMarks {
  if (typeof stored !== "object" || stored === null) return {};
  return Object.fromEntries(
    Object.entries(stored).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}
