import { useCallback, useMemo, useRef } from "react";
import { useStateChannel } from "../session/hooks.ts";
import { displayName } from "../text/display-text.ts";

/** A mark lives for 5 s on the server; while somebody writes on, it is made again after this long, in milliseconds. */
const AGAIN_MS = 2_500;

/** Who writes in a room. */
export interface Typing {
  /** Names of the others who write now, each person once. */
  readonly names: readonly string[];
  /** Tells the others that this person writes. */
  readonly touch: () => void;
  /** Tells them that it is over. */
  readonly stop: () => void;
}

/** Typing marks: a state channel whose entries end by themselves. */
export function useTyping(room: string, name: string, me: string | null): Typing {
  const { entries, isLive, set, remove } = useStateChannel("typing:{room}", { room });
  const touchedAt = useRef(0);
  const touch = useCallback(() => {
    const now = Date.now();
    if (now - touchedAt.current < AGAIN_MS) return;
    touchedAt.current = now;
    // Not kept: after a cut it would come back although nobody writes any more. A mark that is lost is no matter.
    set(null, { name }, { keep: false }).catch(() => {});
  }, [set, name]);
  const stop = useCallback(() => {
    if (touchedAt.current === 0) return;
    touchedAt.current = 0;
    remove().catch(() => {});
  }, [remove]);
  const names = useMemo(() => {
    // Without a connection nobody says that it is over.
    if (!isLive) return [];
    const others = [...entries.values()].filter(({ owner }) => owner !== undefined && owner.user !== me);
    return [...new Map(others.map(({ owner, value }) => [owner?.user, displayName(value.name)])).values()];
  }, [entries, isLive, me]);
  return { names, touch, stop };
}

/** Who writes, in words. */
export function typingText(names: readonly string[]): string {
  const [first = "", second = ""] = names;
  if (names.length === 0) return "";
  if (names.length === 1) return `${first} is writing…`;
  return names.length === 2 ? `${first} and ${second} are writing…` : "Several people are writing…";
}
