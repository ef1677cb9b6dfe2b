import type { FanOutResult } from "./fan-out.ts";

/** The most that a delivery may cost, as a share of what it costs `ws` in the same run, by messages in flight. */
export const BARS: ReadonlyMap<number, number> = new Map([
  [64, 0.05],
  [1, 1.1],
]);

/** True if the result is at or under its bar; `ws` itself and loads without a bar have none to miss. */
export function isWithinBar({ kind, inFlight, ratioToWs }: FanOutResult): boolean {
  return kind === "ws" || ratioToWs.median <= (BARS.get(inFlight) ?? Infinity);
}
