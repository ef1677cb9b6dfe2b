import type { Position } from "@carillon/protocol";
import type { Group } from "./group.ts";

/**
 * One interest in one channel, as the hub sees it. Its position is where it is; a unit is given to it only if the unit
 * starts there (P1), so a subscriber can fall behind but never see a hole.
 */
export interface Subscriber {
  readonly channel: string;
  readonly group: Group;
  /** Null: nothing yet (a state channel before its snapshot). Moved on by the hub while the subscriber is live. */
  position: Position | null;
  /** Index among the channel's live subscribers, -1 for one that is not live. The hub's own; start with -1. */
  slot: number;
  /** Takes the bytes of a unit, or refuses them for want of room. Must not call back into the hub. */
  offer(bytes: Uint8Array): boolean;
  /** It is no longer live: it missed the unit after its position, or had no room for it. */
  lagged(): void;
}
