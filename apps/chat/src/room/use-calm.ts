import { useLayoutEffect, useRef, useState } from "react";

/** Between two changes that are shown, at least, in milliseconds: twenty-five a second look like a stream. */
const PAUSE_MS = 40;

/**
 * A value that changes often, shown at most twenty-five times a second: the first change at once, the last one always.
 * In a room where fifty messages a second arrive, that is half of the work.
 */
export function useCalm<T>(value: T): T {
  const [shown, setShown] = useState(value);
  const shownAtMs = useRef(0);
  useLayoutEffect(() => {
    if (value === shown) return undefined;
    const show = (): void => {
      shownAtMs.current = performance.now();
      setShown(value);
    };
    const waitMs = shownAtMs.current + PAUSE_MS - performance.now();
    if (waitMs <= 0) {
      show();
      return undefined;
    }
    const timer = setTimeout(show, waitMs);
    return () => clearTimeout(timer);
  }, [value, shown]);
  return shown;
}
