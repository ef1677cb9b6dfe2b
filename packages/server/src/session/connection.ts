/** Turns payloads into whole frames of a transport. Shared by all connections of that transport. */
export interface Framing {
  text(payload: string): Uint8Array;
  binary(payload: Uint8Array): Uint8Array;
  /**
   * Frames for units, which many are sent and which hold no credentials: compressed, where the peers agreed to it.
   * Absent: units are framed as everything else.
   */
  readonly forUnits?: Framing;
}

/** One accepted socket or stream, as a session or raw peer uses it. Methods never throw, whatever its state. */
export interface Connection {
  readonly id: string;
  /** Address of the peer, without port. */
  readonly remoteAddress: string;
  /** The `Origin` header of the upgrade, null without one. */
  readonly origin: string | null;
  readonly framing: Framing;
  /** Bytes written and not yet taken by the operating system; a write counts in full until all of it is taken. */
  readonly queuedBytes: number;
  /** Grows whenever the operating system takes bytes, be it part of a write: the reader makes progress. */
  readonly takenBytes: number;
  /** The peer is authenticated: the small bounds for strangers end, the normal ones apply. */
  opened(): void;
  /** Asks a peer that need never say anything for a sign of life (a ping); `alive` tells of the answer. */
  probe(): void;
  /** Writes whole frames. */
  write(frames: Uint8Array): void;
  /** Writes several buffers of whole frames with one system call. */
  writeAll(frames: readonly Uint8Array[]): void;
  /**
   * The peer is authenticated: the ordinary limits hold from now on. Until then the transport takes no more than
   * `Limits.unauthenticatedBytes` in all, and few fragments, and closes the connection beyond. While it is paused it
   * takes nothing, so it holds at most the rest of the read (64 KiB) that brought what the decision waits for.
   */
  opened(): void;
  /**
   * Stops reading: the peer's own sends then wait. No `text` and no `binary` is told until {@link Connection.resume},
   * not even for what the same read of the socket brought along.
   */
  pause(): void;
  /** Reads on. What waited is told at once, in its order, possibly before this returns. */
  resume(): void;
  /**
   * Leaves what the peer sends with the operating system until {@link Connection.readOn}, so that one read brings all of
   * it. A hint, for moments, and apart from `pause`: what was read already is told, and a transport need not obey.
   */
  leaveUnread(): void;
  /** Ends {@link Connection.leaveUnread}. Harmless without it. */
  readOn(): void;
  /** Closes with a code and reason (RFC 6455, section 7.1). Nothing is written afterwards; after a while the socket is cut. */
  close(code: number, reason: string): void;
  /** Cuts the socket now. */
  terminate(): void;
}

/** What a transport tells whoever serves the connection. */
export interface ConnectionEvents {
  text(payload: string): void;
  binary(payload: Uint8Array): void;
  /** The peer gave a sign of life that is no message. */
  alive?(): void;
  /**
   * Everything written was taken by the operating system. Told at least once after every time that `queuedBytes` was
   * 64 KiB or more right after a write, unless `closed` comes first; possibly more often.
   */
  drained(): void;
  /** The connection is gone, told once. `isClean`: the peer closed with code 1000. */
  closed(code: number, isClean: boolean): void;
}
