import type { ChannelNames } from "./contract.ts";

/**
 * How a subscriber lives. `steady`: follows its channels all the time. `wandering`: leaves channels, comes back from
 * where it was, or starts anew some publications back, and takes its whole client offline at times.
 */
export type Habit = "steady" | "wandering";

/** What a client process is started with. */
export interface ClientConfig {
  /** Names the process in journals: `c0`. */
  readonly name: string;
  /** How often it was started before. */
  readonly life: number;
  /** `http://host:port` of a node, or of a proxy before it. */
  readonly url: string;
  /** Where journals are. */
  readonly folder: string;
  readonly seed: number;
  readonly channels: ChannelNames;
  readonly publishers: number;
  /** Publishes per second of one publisher. */
  readonly rate: number;
  readonly subscribers: readonly Habit[];
  /** True: the thread stands still for some seconds now and then, and nothing is read meanwhile. */
  readonly isSlow: boolean;
}

/** What a client process is told. */
export type ClientOrder =
  /** Publish nothing more, come home and stay: be connected, follow everything, be present. Say when all outcomes are known. */
  | { readonly order: "settle" }
  /** Say who is there, once everybody is present. */
  | { readonly order: "gather"; readonly timeoutMs: number }
  /** Follow every channel until it is at this position, then write down what there is, and wait for the end. */
  | {
      readonly order: "finish";
      readonly tops: Readonly<Record<string, string>>;
      /** Where the presence of the hall stands. */
      readonly hall: string;
      readonly timeoutMs: number;
    };

/** What a client process says. */
export type ClientReport =
  | { readonly report: "counts"; readonly counts: ClientCounts }
  | { readonly report: "settled"; readonly pending: number }
  | { readonly report: "gathered"; readonly names: readonly string[] }
  | { readonly report: "finished" };

/** What applications have seen so far. */
export interface ClientCounts {
  readonly published: number;
  readonly acknowledged: number;
  readonly delivered: number;
}
