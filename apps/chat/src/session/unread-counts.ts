import { useSyncExternalStore } from "react";

/** What waits in a room. */
export interface Unread {
  /** Messages of other people that were not read; 100 stands for more. */
  readonly count: number;
  /** True: one of them names this person. */
  readonly isForYou: boolean;
}

const NOTHING: Unread = { count: 0, isForYou: false };
const counts = new Map<string, Unread>();
const listeners = new Set<() => void>();

/** Tells what waits in a room; null: it is followed no longer. */
export function setUnread(room: string, unread: Unread | null): void {
  const before = counts.get(room) ?? NOTHING;
  const after = unread ?? NOTHING;
  if (before.count === after.count && before.isForYou === after.isForYou) return;
  if (unread === null) counts.delete(room);
  else counts.set(room, unread);
  for (const listener of listeners) listener();
}

/** Follows what waits in a room. */
export function useUnread(room: string): Unread {
  return useSyncExternalStore(subscribe, () => counts.get(room) ?? NOTHING);
}

/** Follows what waits in all rooms together. */
export function useTotalUnread(): number {
  return useSyncExternalStore(subscribe, () => {
    let total = 0;
    for (const { count } of counts.values()) total += count;
    return total;
  });
}

/** A count as it is shown. */
export function shownCount(count: number): string {
  return count > 99 ? "99+" : String(count);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
