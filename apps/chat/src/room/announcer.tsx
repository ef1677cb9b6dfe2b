import { useEffect, useRef, useState, type ReactNode } from "react";
import { displayName, excerptOf } from "../text/display-text.ts";
import type { ChatItem } from "../timeline/rows.ts";
import type { WholeMessage } from "./message-actions.ts";

/** Between two announcements at least, in milliseconds: in a busy room they are counts, not a stream of words. */
const PAUSE_MS = 4_000;

/** Tells screen readers what comes, without shouting: one message in full, several as a count. */
export function Announcer({
  timeline,
  isLive,
}: {
  readonly timeline: readonly ChatItem[];
  readonly isLive: boolean;
}): ReactNode {
  const [text, setText] = useState("");
  const heardAt = useRef<number | null>(null);
  const fresh = useRef<WholeMessage[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    if (!isLive) return;
    const last = timeline.at(-1);
    const lastAt = last === undefined || last.type === "gap" ? 0 : last.at;
    const since = heardAt.current;
    heardAt.current = Math.max(since ?? 0, lastAt);
    if (since === null) return;
    for (let index = timeline.length - 1; index >= 0 && fresh.current.length < 100; index--) {
      const item = timeline[index];
      if (item?.type !== "publication" || item.at <= since) break;
      if (!item.isOwn) fresh.current.unshift(item);
    }
    if (fresh.current.length === 0 || timer.current !== null) return;
    const tell = (): void => {
      timer.current = null;
      if (fresh.current.length === 0) return;
      setText(announcementOf(fresh.current));
      fresh.current = [];
      timer.current = setTimeout(tell, PAUSE_MS);
    };
    // A breath, so that messages that come together are told together.
    timer.current = setTimeout(tell, 400);
  }, [timeline, isLive]);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );
  return (
    <div className="hidden-text" role="status" aria-live="polite" data-announcer>
      {text}
    </div>
  );
}

function announcementOf(messages: readonly WholeMessage[]): string {
  const [first] = messages;
  const names = [...new Set(messages.map(({ data }) => displayName(data.name)))];
  if (messages.length === 1 && first !== undefined) return `${names[0]}: ${excerptOf(first.data.text)}`;
  const who = names.length > 3 ? `${names.slice(0, 2).join(", ")} and others` : names.join(", ");
  return `${messages.length} new messages from ${who}`;
}
