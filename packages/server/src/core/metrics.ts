/**
 * What a node counts. Counters only grow; gauges come back to zero when the last connection has gone (a test holds
 * them to that). Plain numbers, so that counting costs nothing on the fan-out path.
 */
export class Metrics {
  /** Gauge: accepted connections of every transport. */
  connections = 0;
  /** Gauge: sessions whose connect succeeded and that have not ended. */
  sessions = 0;
  /** Gauge: subscriptions of all sessions and raw peers. */
  subscriptions = 0;
  /** Gauge: channels with a local subscriber. */
  channels = 0;
  /** Gauge: subscribers that are catching up. */
  catchingUp = 0;
  /** Gauge: commands that wait for an answer. */
  commandsInFlight = 0;
  /** Gauge: instances whose entries wait out their grace. */
  graces = 0;

  /** Counter: connections ever accepted. */
  connectionsTotal = 0;
  /** Counter: connects with a ticket or credential that was refused. */
  connectsRefused = 0;
  /** Counter: commands by outcome. */
  commandsOk = 0;
  commandsFailed = 0;
  /** Counter: publications and amendments appended through this node. */
  appended = 0;
  /** Counter: appends answered with an earlier result (P3). */
  duplicates = 0;
  /** Counter: items handed to live subscribers; one item to one subscriber is one delivery. */
  deliveries = 0;
  /** Counter: units built. */
  units = 0;
  /** Counter: live subscribers that fell back to catching up. */
  lags = 0;
  /** Counter: gaps announced. */
  gaps = 0;
  /** Counter: pages read for recovery and slow readers. */
  pages = 0;
  /** Counter: records that could not be brought to the contract's version, each time they were read. */
  upgradesFailed = 0;
  /** Counter: connections closed because their reader made no progress. */
  slowClosed = 0;
  /** Counter: entries that were set again for living sessions after the store had lost them. */
  restored = 0;
  /** Counter: writes to sockets. */
  writes = 0;
  /** Counter: bytes written to sockets. */
  bytesWritten = 0;
}

/** The gauges: what must be zero on an idle node. */
export const GAUGES: readonly (keyof Metrics)[] = [
  "connections",
  "sessions",
  "subscriptions",
  "channels",
  "catchingUp",
  "commandsInFlight",
  "graces",
];

/** Counts an append by its result, as whoever asked for it is told. */
export function countAppend(metrics: Metrics, result: { readonly ok: boolean; readonly duplicate?: boolean }): void {
  if (result.ok && result.duplicate === true) metrics.duplicates++;
  else if (result.ok) metrics.appended++;
}
