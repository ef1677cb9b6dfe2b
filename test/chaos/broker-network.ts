import type { TcpTarget } from "../support/tcp-proxy.ts";

/** How a line is cut. */
export type Cut =
  /** No packet passes, and nobody is told: both ends are half open. */
  | "silence"
  /** The broker hears nothing, but is heard. */
  | "deaf"
  /** The broker hears everything, and is not heard. */
  | "mute"
  /** Everything is answered by a reset: what stands breaks, what comes new is refused. */
  | "refuse";

/** The network between nodes and their broker: it has lines that can be cut one by one. */
export interface BrokerNetwork extends AsyncDisposable {
  /** What it is made of, in words, for the result of a run. */
  readonly description: string;
  /** Ways in which it can be cut. */
  readonly cuts: readonly Cut[];
  readonly lines: number;
  /** What a line leads to or from, in a word. */
  readonly lineOf: "node" | "server";
  /** Where the broker's port is at the end of a line. */
  target(line: number, port: number): TcpTarget;
  /** Cuts a line, or all of them; resolves to what mends it. */
  cut(how: Cut, line: number | "all"): Promise<() => Promise<void>>;
}
