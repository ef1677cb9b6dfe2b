import type { Position } from "@carillon/protocol";
import type { Group } from "./group.ts";

/** What stands behind a subscriber: where its bytes go, and who is told when it falls behind. */
export interface SubscriberSink {
  /** Takes the bytes of a unit, or refuses them for want of room. Must not call back into the hub. */
  offer(bytes: Uint8Array): boolean;
  /** The subscriber is no longer live: it missed the unit after its position, or had no room for it. */
  lagged(subscriber: Subscriber): void;
}

/**
 * One interest in one channel, as the hub sees it. Its position is where it is; a unit is given to it only if the unit
 * starts there (P1), so a subscriber can fall behind but never see a hole.
 */
export class Subscriber {
  readonly channel: string;
  readonly group: Group;
  readonly sink: SubscriberSink;
  /** Null: nothing yet (a state channel before its snapshot). */
  position: Position | null = null;
  /** Index among the channel's live subscribers; -1: not live. Kept by the hub. */
  slot = -1;

  constructor(channel: string, group: Group, sink: SubscriberSink) {
    this.channel = channel;
    this.group = group;
    this.sink = sink;
  }

  /** True while live units reach it. */
  get isLive(): boolean {
    return this.slot !== -1;
  }
}
