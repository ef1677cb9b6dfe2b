/**
 * How to speak to a server, for the load generator: texts with holes, `<<name>>`. Holes: `body` the message, `ch` the
 * channel, `room` the same but another for publishers, `id` a number, `ticket`, `resume`, `position`, `epoch`, `wall` (time of the first attempt), `bytes`.
 */
export interface Door {
  readonly path: string;
  /** Where publishers connect, if not where subscribers do. */
  readonly publishPath?: string;
  readonly protocol?: string;
  /** Further lines of the upgrade request, each ended by CR LF. */
  readonly headers?: string;
  /** 1 text, 2 binary; default: 1. */
  readonly opcode?: 1 | 2;
  /** What the server says before it is spoken to. */
  readonly opened?: string;
  readonly login?: string;
  /** In place of `login` for a client that has a credential for coming back. */
  readonly relogin?: string;
  readonly loginOk?: string;
  /** Sent when a `relogin` is answered. */
  readonly confirm?: string;
  readonly subscribe?: string;
  /** In place of `subscribe` for a client that has a position. */
  readonly resubscribe?: string;
  readonly subscribeOk?: string;
  /** Whether subscribing need not wait for the answer to the login; default: true. */
  readonly isPipelined?: boolean;
  readonly publish?: string;
  /** In place of `publish` for what was not answered before the connection broke. */
  readonly republish?: string;
  /** What stands before the number of an answered publish. */
  readonly ack?: string;
  /** Stands in a refusal. */
  readonly error?: string;
  readonly call?: string;
  /** A sign of life, whole, and the answer to it. */
  readonly ping?: string;
  readonly pong?: string;
  readonly resumeKey?: string;
  readonly epochKey?: string;
  readonly positionKey?: string;
  readonly previousKey?: string;
  /** Stands in a push that announces missing messages. */
  readonly gap?: string;
  /**
   * Messages that go out together share frames, a line each, of so many bytes at most, counted as three a character, as
   * the client library does it; default: each has a frame of its own.
   */
  readonly joinedBytes?: number;
  /** Messages may be cut by the end of a frame; default: false. */
  readonly isStream?: boolean;
  /** Bytes of a message's text, so that with the server's own quoting around it the data has the bytes asked for. */
  readonly bodyBytes: number;
  /** The wait before a reconnect: a random part, at least `backoffMinShare`, of min(base × 2^attempt, max). */
  readonly backoffBaseMs?: number;
  readonly backoffMaxMs?: number;
  readonly backoffMinShare?: number;
  /** Stands for `backoffMinShare` in the first wait after a connection broke; default: the same. */
  readonly backoffFirstShare?: number;
  /** How long an attempt to connect may take; default: 10 s. */
  readonly attemptMs?: number;
}
