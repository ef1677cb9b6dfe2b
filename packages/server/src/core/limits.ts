/**
 * Every bound of the server in one place (P8). A limit is a number with a reason; nothing in the server grows without
 * one. Sizes are bytes after decompression, times are milliseconds.
 */
export interface Limits {
  /** Bytes of one message from an open session. 64 KiB: chat, not files. */
  readonly messageBytes: number;
  /** Messages in one frame. 256: pipelining, not a way around the command rate. The SDK joins up to 199: no fewer will do. */
  readonly messagesPerFrame: number;
  /** Bytes taken from a connection before its connect is decided. 16 KiB: a ticket and some subscriptions. */
  readonly unauthenticatedBytes: number;
  /** Time from the upgrade to a decided connect command. */
  readonly connectTimeoutMs: number;
  /** Fragments of one WebSocket message. 1,024: enough for any real client, too few to exhaust memory (CVE-2026-48779). */
  readonly fragmentsPerMessage: number;
  /** Connections on this node. `ulimit -n` is the harder bound. */
  readonly connections: number;
  /** Connections of one user on this node. */
  readonly connectionsPerUser: number;
  /** Connections from one address on this node. Behind a proxy every client shares one: set it with care. */
  readonly connectionsPerAddress: number;
  /** Channels that one session may be subscribed to. */
  readonly channelsPerSession: number;
  /** Commands of one session that may wait for an answer at once; more are not read from the socket. */
  readonly commandsInFlight: number;
  /** Commands a second of one session, sustained. */
  readonly commandsPerSecond: number;
  /** Commands in one burst above that rate. */
  readonly commandsBurst: number;
  /** Failed commands in a minute before a session is closed with `too_many_errors`. */
  readonly errorsPerMinute: number;
  /** Bytes that wait for one connection before live units are refused and its subscribers catch up by pages. */
  readonly outboxBytes: number;
  /** A reader that takes not one byte for this long, while bytes wait for it, is closed with `slow`. */
  readonly stallTimeoutMs: number;
  /** Time between heartbeats: a dead peer is noticed within 15 s, and no common proxy thinks the connection idle. */
  readonly heartbeatMs: number;
  /** Items in a page of recovery or history. */
  readonly pageItems: number;
  /** Bytes of payload in a page; at least one item is always sent. */
  readonly pageBytes: number;
  /** Entries of one state channel. */
  readonly stateEntries: number;
  /** Changes that a state channel remembers for those who come back; beyond, they get a fresh snapshot. */
  readonly stateJournal: number;
  /** Entries of its own that a session may have set again for it when they were lost; with more it must reconnect then. */
  readonly ownEntriesPerSession: number;
  /** The same in characters of their values. 16 KiB: who somebody is, where a cursor stands. */
  readonly ownEntryChars: number;
  /** Channels with entries of its own that a session may have at a time; sets in more are refused. The SDK has 1,000 wishes. */
  readonly ownChannelsPerSession: number;
  /** Tags or meta fields of a publication, together in characters. */
  readonly annotationsChars: number;
  /** Grants that a session remembers, so that authorize is not asked for each command. */
  readonly grantsPerSession: number;
  /** For how long a publication id is remembered (P3). Two minutes: longer than any sane reconnect. */
  readonly idempotencyWindowMs: number;
  /** Ids remembered in one memory store; beyond, publishes get `overloaded` until some are old enough. */
  readonly idempotencyEntries: number;
  /** Channels that the memory store keeps. Those without subscribers, entries and ids are forgotten first. */
  readonly channels: number;
  /** An unclean leave keeps the instance's entries for this long, so that a reconnect does not flicker. */
  readonly graceMs: number;
  /** A ticket is good for this long after its issue. */
  readonly ticketTtlMs: number;
  /** Tickets and resume credentials that the memory store keeps. */
  readonly tickets: number;
  /** A resume credential is good for this long after the connection ended or last confirmed it. */
  readonly resumeTtlMs: number;
  /** The resume credential before the newest stays good for this long, in case the reply was lost. */
  readonly resumeOverlapMs: number;
  /** Longest wait for authorize, validate, a call or a survey, which then fails with `timeout`. */
  readonly hookTimeoutMs: number;
}

/** The defaults; the reasons stand at the fields of {@link Limits}. */
export const DEFAULT_LIMITS: Limits = {
  messageBytes: 65_536,
  messagesPerFrame: 256,
  unauthenticatedBytes: 16_384,
  connectTimeoutMs: 5_000,
  fragmentsPerMessage: 1_024,
  connections: 15_000,
  connectionsPerUser: 100,
  connectionsPerAddress: 15_000,
  channelsPerSession: 256,
  commandsInFlight: 1_024,
  commandsPerSecond: 1_000,
  commandsBurst: 5_000,
  errorsPerMinute: 1_000,
  outboxBytes: 262_144,
  stallTimeoutMs: 30_000,
  heartbeatMs: 10_000,
  pageItems: 300,
  pageBytes: 65_536,
  stateEntries: 10_000,
  stateJournal: 4_096,
  ownEntriesPerSession: 256,
  ownEntryChars: 16_384,
  ownChannelsPerSession: 1_024,
  annotationsChars: 1_024,
  grantsPerSession: 512,
  idempotencyWindowMs: 120_000,
  idempotencyEntries: 1_000_000,
  channels: 1_000_000,
  graceMs: 5_000,
  ticketTtlMs: 30_000,
  tickets: 1_000_000,
  resumeTtlMs: 3_600_000,
  resumeOverlapMs: 60_000,
  hookTimeoutMs: 10_000,
};
