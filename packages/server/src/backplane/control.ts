import type { Json } from "@carillon/protocol";
import type { Answer } from "./channel-store.ts";

/** What nodes tell each other. Every message is an act that may safely be done twice. */
export type ControlMessage =
  /** End every session of the user; with `revoked`, for good. */
  | { readonly type: "disconnect"; readonly user: string; readonly code: number; readonly reason: string }
  /** End every other session of the instance up to the term: it came back as `session`. Late, it ends none that came after. */
  | { readonly type: "replace"; readonly instance: string; readonly session: string; readonly term: number }
  /** Subscribe every session of the user to the channel. */
  | { readonly type: "subscribe"; readonly user: string; readonly channel: string }
  /** End every subscription of the user to the channel, and forget the grant. */
  | { readonly type: "unsubscribe"; readonly user: string; readonly channel: string; readonly reason: string }
  /** A survey: every node answers to node `from`. */
  | { readonly type: "ask"; readonly id: string; readonly from: string; readonly name: string; readonly input: Json }
  /** A node's answer to a survey, for node `to` alone. */
  | {
      readonly type: "answer";
      readonly id: string;
      readonly to: string;
      readonly from: string;
      /** What it answers; absent if it could not. */
      readonly output?: Json;
      /** Why it could not. */
      readonly error?: string;
    }
  /**
   * Never asked for: the bus hands it on when messages may have gone by this node that it can't get any more, or were never
   * sent since too many waited. Whatever they said must be taken for said (P7).
   */
  | { readonly type: "missed" };

/** A node of the cluster. */
export interface ClusterNode {
  /** Drawn when its process opened the backplane; another one after a restart. */
  readonly id: string;
  /** When that was, in milliseconds since 1970 by the node's own clock. */
  readonly since: number;
}

/**
 * The bus between nodes, and who is on it. With one node it is a loop back to itself. Guarantees:
 *
 * - A message reaches every node at least once, or the node is told that it missed some (`missed`); in no promised order.
 *   Nothing is promised to a node that opens the backplane after the message was sent: it has no sessions to act on.
 * - A node's own messages are handed to it as well, within the call. While the store can't be reached, what is sent waits,
 *   up to a bound, beyond which the oldest are let go of with a warning, and `missed` goes out in their place. What was sent before the backplane is closed goes
 *   out first, if the store can be reached.
 * - A node that was out of touch is handed what it missed before the store delivers to it, or answers its reads, again
 *   (P7).
 * - Neither method waits for other nodes: one that is dead, stopped or cut off delays nobody.
 */
export interface Control {
  /** What this node goes by. */
  readonly node: string;
  /** Sends to every node, this one included. */
  send(message: ControlMessage): void;
  /**
   * The nodes that are alive, this one included, in no promised order. One that was killed is left out within 5 s, one
   * that left by closing its backplane at once. Fails with a store's trouble, within the store's time for an answer.
   */
  nodes(done: (answer: Answer<readonly ClusterNode[]>) => void): void;
  /** Stops. */
  close(): void;
}
