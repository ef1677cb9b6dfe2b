/**
 * What applications write down, a JSON line each, at the moment they see it. `at` is the machine's wall clock in
 * milliseconds. The checker knows nothing else of them.
 */

/** Of a publisher. */
export type PublisherRecord =
  /** Before the SDK is asked. `n` counts this publisher's publishes and sets. */
  | { readonly what: "publish"; readonly channel: string; readonly id: string; readonly n: number }
  | { readonly what: "accepted"; readonly channel: string; readonly id: string; readonly pos: string }
  | { readonly what: "failed"; readonly channel: string; readonly id: string; readonly code: string }
  | { readonly what: "set"; readonly channel: string; readonly key: string; readonly n: number }
  | { readonly what: "set accepted"; readonly channel: string; readonly key: string; readonly n: number }
  | { readonly what: "set failed"; readonly channel: string; readonly key: string; readonly code: string }
  /** The application ended properly: every outcome has been told. */
  | { readonly what: "closed" };

/** An entry of a state channel: key, number that was set, version. */
export type BoardEntry = readonly [key: string, n: number, version: number];

/** A member of a channel: the application's name, and the number that it entered with. */
export type Present = readonly [name: string, n: number];

/** Of a subscriber. `pos` is the channel's position in the SDK after the event. */
export type SubscriberRecord =
  /** A subscription begins: after a stored position, or some publications back. */
  | { readonly what: "subscribe"; readonly channel: string; readonly from: string | null; readonly history: number }
  /** The server agreed, for the first time or again after a break. */
  | { readonly what: "subscribed"; readonly at: number; readonly channel: string; readonly pos: string | null }
  /** The channel is `subscribing`: what comes next comes after a break. */
  | { readonly what: "interrupted"; readonly channel: string }
  /** `pos` only where it has changed: positions move with the last item of a page. */
  | {
      readonly what: "item";
      readonly at: number;
      readonly channel: string;
      readonly id: string;
      readonly pos?: string;
      /** The data is not what was published. */
      readonly damaged?: true;
    }
  | {
      readonly what: "gap";
      readonly channel: string;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  | {
      readonly what: "changes";
      readonly channel: string;
      readonly pos: string | null;
      readonly entries: readonly BoardEntry[];
    }
  | { readonly what: "unsubscribe"; readonly channel: string }
  /** It enters the presence of the channel, or says something new there. `n` counts that. */
  | { readonly what: "enter"; readonly channel: string; readonly n: number }
  | { readonly what: "entered"; readonly channel: string; readonly n: number }
  | { readonly what: "enter failed"; readonly channel: string; readonly n: number; readonly code: string }
  /** It disconnected on purpose, and is no member until it enters again. */
  | { readonly what: "left"; readonly channel: string }
  /** Whom it sees in the channel when the run is over. */
  | {
      readonly what: "members";
      readonly channel: string;
      readonly isLive: boolean;
      readonly members: readonly Present[];
    }
  /** The SDK or the server ended it; or an event came that nobody expects. */
  | { readonly what: "trouble"; readonly channel: string; readonly code: string }
  /** The run is over and the subscriber has had time to get everything. */
  | {
      readonly what: "end";
      readonly channel: string;
      readonly pos: string | null;
      readonly isLive: boolean;
      readonly entries: readonly BoardEntry[];
    };

/** A log channel as a fresh server tells it. */
export interface StoredLog {
  readonly channel: string;
  /** The position before the first id. */
  readonly prev: string;
  readonly pos: string;
  /** In order. Positions of pages, so that each id has its place. */
  readonly pages: readonly { readonly prev: string; readonly pos: string; readonly ids: readonly string[] }[];
}

/** A state channel as a fresh server tells it. */
export interface StoredBoard {
  readonly channel: string;
  readonly pos: string;
  readonly entries: readonly BoardEntry[];
}

/** Who is in a channel, as a server tells that was asked while all subscribers were at home. */
export interface Roster {
  readonly channel: string;
  readonly pos: string;
  readonly members: readonly Present[];
}

/** Everything that the store has in the end. */
export interface StoredState {
  /** Absent: nobody asked. */
  readonly roster?: Roster;
  readonly logs: readonly StoredLog[];
  readonly boards: readonly StoredBoard[];
}

/** The records of one application. */
export interface Journal<R> {
  /** Names client, life and role: `c1.0.p0`. */
  readonly name: string;
  readonly records: Iterable<R>;
}
