import { useCallback, useEffect, useRef, useState } from "react";
import { useIsAttentive } from "../session/attention.ts";
import { markRead, readMark, useReadMark } from "../session/read-marks.ts";
import { countUnread, newestAt, type ChatItem } from "../timeline/rows.ts";

/** A glance that makes a message read, in milliseconds. */
const READ_MS = 150;

/** What is new in the room that is open. */
export interface UnreadLine {
  /** Store time after which the line stands; null: no line. */
  readonly since: number | null;
  /** Messages of other people that were not read. */
  readonly count: number;
  /** Takes the line away: one has answered. */
  readonly clear: () => void;
}

/**
 * Reads along: what stands at the end of the list while somebody looks is read. The line stays where reading was left
 * off, until the next absence.
 */
export function useUnreadLine(room: string, timeline: readonly ChatItem[], isAtEnd: boolean): UnreadLine {
  const isAttentive = useIsAttentive();
  const mark = useReadMark(room);
  // Who comes into a room for the first time has left off nowhere: there is no line.
  const [since, setSince] = useState<number | null>(() => readMark(room) || null);
  const newest = newestAt(timeline);
  const isReading = isAttentive && isAtEnd;
  // What is current when something happens later.
  const seen = useRef({ timeline, newest, isReading });
  useEffect(() => {
    seen.current = { timeline, newest, isReading };
  });
  useReadMarking(room, seen, isReading && newest > 0 ? newest : null);
  useEffect(() => {
    if (isReading) return;
    // Somebody turned away, or read further up. If everything was read, the line goes to here; otherwise it stays.
    const read = readMark(room);
    setSince((before) => (read > 0 && countUnread(seen.current.timeline, read, 1) === 0 ? read : before));
  }, [isReading, room]);
  const clear = useCallback(() => setSince(null), []);
  const count = mark === 0 ? 0 : countUnread(timeline, mark);
  return { since, count, clear };
}

/** Marks what is read. In a busy room the newest changes with every frame, and each mark is told to every tab. */
function useReadMarking(
  room: string,
  seen: { readonly current: { readonly newest: number; readonly isReading: boolean } },
  newest: number | null,
): void {
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    if (newest === null || timer.current !== null) return;
    timer.current = setTimeout(() => {
      timer.current = null;
      // What came after somebody turned away is not read.
      markRead(room, seen.current.isReading ? seen.current.newest : newest);
    }, READ_MS);
  }, [room, seen, newest]);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );
}
