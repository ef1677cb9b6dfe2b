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

/** Follows how the subscription stands; `changed` is called after each change. Returns the end of it. */
export function followFacts(channel: Followed, changed: (facts: Facts) => void): () => void {
  let error: CarillonError | null = null;
  const tell = (): void => changed({ state: channel.state, isLive: channel.isLive, error });
  const removals = [
    channel.on("state", ({ state }) => {
      if (state === "subscribed") error = null;
      tell();
    }),
    channel.on("error", (cause) => {
      error = cause;
      tell();
    }),
    channel.on("live", tell),
  ];
  tell();
  return () => {
    for (const remove of removals) remove();
  };
}
