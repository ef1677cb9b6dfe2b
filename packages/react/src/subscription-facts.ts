import type { CarillonError, ChannelEvents, Removal, SubscriptionState } from "@carillon/client";

/** How the subscription of a channel stands, as components see it. */
export interface Facts {
  readonly state: SubscriptionState;
  readonly isLive: boolean;
  readonly error: CarillonError | null;
}

/** A handle that tells how its subscription stands. */
export interface Followed {
  readonly state: SubscriptionState;
  readonly isLive: boolean;
  on<K extends keyof ChannelEvents>(event: K, listener: (value: ChannelEvents[K]) => void): Removal;
}

/** Before anything has come. A channel that nobody has subscribed yet will be, as soon as it is mounted. */
export const INITIAL_FACTS: Facts = { state: "subscribing", isLive: false, error: null };

/** What follows the subscription of a channel. */
export interface Follower {
  /** Called at once, and after each change. */
  readonly changed: (facts: Facts) => void;
  /**
   * Somebody else has unsubscribed the channel, which is one for the whole client: other hooks, a module that was
   * replaced while the page runs. Subscribe it again.
   */
  readonly lost: () => void;
}

/** Follows how the subscription stands. Returns the end of it. */
export function followFacts(channel: Followed, { changed, lost }: Follower): () => void {
  let error: CarillonError | null = null;
  let isOver = false;
  const tell = (): void => changed({ state: channel.state, isLive: channel.isLive, error });
  const removals = [
    channel.on("state", (change) => {
      if (change.state === "subscribed") error = null;
      tell();
      if (change.state !== "unsubscribed" || change.error) return;
      // Not at once: the channel is about to tell whoever waits for it that it is unsubscribed.
      queueMicrotask(() => {
        if (!isOver && channel.state === "unsubscribed") lost();
      });
    }),
    channel.on("error", (cause) => {
      error = cause;
      tell();
    }),
    channel.on("live", tell),
  ];
  tell();
  return () => {
    isOver = true;
    for (const remove of removals) remove();
  };
}
