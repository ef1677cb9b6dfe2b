import { useCallback, useEffect, useRef, useState } from "react";
import { useIsAttentive } from "../session/attention.ts";
import { markRead, readMark, useReadMark } from "../session/read-marks.ts";
import { countUnread, newestAt, type ChatItem } from "../timeline/rows.ts";

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
  // Only the moment of turning away counts, not what comes afterwards.
  const seen = useRef(timeline);
  useEffect(() => {
    seen.current = timeline;
  }, [timeline]);
  const isReading = isAttentive && isAtEnd;
  useEffect(() => {
    if (isReading && newest > 0) markRead(room, newest);
  }, [isReading, newest, room]);
  useEffect(() => {
    if (isReading) return;
    // Somebody turned away, or read further up. If everything was read, the line goes to here; otherwise it stays.
    const read = readMark(room);
    setSince((before) => (read > 0 && countUnread(seen.current, read, 1) === 0 ? read : before));
  }, [isReading, room]);
  const clear = useCallback(() => setSince(null), []);
  const count = mark === 0 ? 0 : countUnread(timeline, mark);
  return { since, count, clear };
}
