import { useEffect, useState, useSyncExternalStore } from "react";

/** Somebody who does nothing for this long is away, in milliseconds. */
const IDLE_MS = 3 * 60_000;
/** A page that is not seen for this long says so: a glance at another tab is no absence, in milliseconds. */
const HIDDEN_MS = 60_000;

/** True while the page is seen and has the focus: what arrives is read. */
export function useIsAttentive(): boolean {
  return useSyncExternalStore(subscribe, isAttentive);
}

/** True when nothing was heard of the person for a while. */
export function useIsIdle(): boolean {
  const [isIdle, setIsIdle] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stirred = (): void => {
      clearTimeout(timer);
      const isHidden = document.visibilityState === "hidden";
      if (!isHidden) setIsIdle(false);
      timer = setTimeout(() => setIsIdle(true), isHidden ? HIDDEN_MS : IDLE_MS);
    };
    stirred();
    const events = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart", "focus", "visibilitychange"];
    for (const event of events) addEventListener(event, stirred, { passive: true, capture: true });
    return () => {
      clearTimeout(timer);
      for (const event of events) removeEventListener(event, stirred, { capture: true });
    };
  }, []);
  return isIdle;
}

function isAttentive(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

function subscribe(listener: () => void): () => void {
  const events = ["focus", "blur", "visibilitychange"];
  for (const event of events) addEventListener(event, listener, { capture: true });
  return () => {
    for (const event of events) removeEventListener(event, listener, { capture: true });
  };
}
