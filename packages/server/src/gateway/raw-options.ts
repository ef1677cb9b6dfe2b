/** Why a raw peer's connection is closed: a code of RFC 6455, section 7.4 (1000, or 3000 to 4999), and a short reason. */
export interface RawClose {
  readonly code?: number;
  readonly reason?: string;
}

/** One connection of a raw endpoint, as its handler sees it. */
export interface RawPeer {
  /** Id of the connection, for logs. */
  readonly id: string;
  readonly remoteAddress: string;
  /** The request's URL, with its query. */
  readonly url: URL;
  /** Sends a message. Returns false, and sends nothing, when the peer's outbox is full. */
  send(data: string | Uint8Array): boolean;
  /** Closes with a code and reason. Default 1000. */
  close(close?: RawClose): void;
  /** Runs for each message. Returns the listener's removal. */
  on(event: "message", listener: (data: string | Uint8Array) => void): () => void;
  /** Runs once, when the connection has ended. Returns the listener's removal. */
  on(event: "close", listener: (code: number, reason: string) => void): () => void;
}

/** A path whose messages go to a handler. */
export interface RawHandlerRoute {
  /** Runs for each new connection, before its first message. */
  readonly handler: (peer: RawPeer) => void;
  /** Pages that may connect. Default: the server's `origins`. */
  readonly origins?: readonly string[] | "any";
  /** Bytes of one message. Default: the server's limit. */
  readonly messageBytes?: number;
}

/**
 * A path that is bound to a log channel: what a peer sends is published, what is published is sent to it, to the sender
 * as well. Whatever the format, it passes the channel's schema.
 */
export interface RawChannelRoute {
  /** Name of a log channel of the contract. */
  readonly channel: string;
  /**
   * `json`: text frames hold JSON, and only a publication's data goes out. `text`, `bytes`: strings in text frames,
   * bytes in binary frames. `any`: either of the two, as it came. A frame of another form closes the connection.
   */
  readonly format: RawFormat;
  /** What an anonymous peer may do. Default: nothing, so one of the two must be given to be of use. */
  readonly subscribe?: boolean;
  readonly publish?: boolean;
  readonly origins?: readonly string[] | "any";
  readonly messageBytes?: number;
}

/** What the frames of a raw endpoint hold. */
export type RawFormat = "json" | "text" | "bytes" | "any";

/** Raw endpoints by path. */
export type RawRoutes = Readonly<Record<string, RawHandlerRoute | RawChannelRoute>>;
