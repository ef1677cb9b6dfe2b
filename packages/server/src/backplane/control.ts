/** What nodes tell each other. Every message is an act that may safely be done twice. */
export type ControlMessage =
  /** End every session of the user; with `revoked`, for good. */
  | { readonly type: "disconnect"; readonly user: string; readonly code: number; readonly reason: string }
  /** End every other session of the instance: it came back as `session`. */
  | { readonly type: "replace"; readonly instance: string; readonly session: string }
  /** Subscribe every session of the user to the channel. */
  | { readonly type: "subscribe"; readonly user: string; readonly channel: string }
  /** End every subscription of the user to the channel, and forget the grant. */
  | { readonly type: "unsubscribe"; readonly user: string; readonly channel: string; readonly reason: string };

/** The bus between nodes. With one node it is a loop back to itself. */
export interface Control {
  /** Sends to every node, this one included. At least once, in no promised order. */
  send(message: ControlMessage): void;
  /** Stops. */
  close(): void;
}
