import type { Ports, Timer } from "../core/ports.ts";
import type { Connection } from "./connection.ts";

/** So many publishes lie between two looks at a sender's rate: reading the clock for each would cost more than counting it. */
const LOOK_AFTER = 64;
/** Publishes in a millisecond from which on a sender is a stream: five in a gulp. */
const STREAM_PER_MS = 1;
/** For how long what a stream sends is left unread: what its publishes wait at most, a timer's lateness aside. */
const GULP_MS = 5;
/** How long a trial is, at least: eight gulps, so that one more or less does not matter. */
const TRIAL_MS = 8 * GULP_MS;
/**
 * For how long a rate is looked at, at least. Shorter, and a sender that was held up for a moment, and then sent all that
 * at once, would be taken for faster than it is, and for one that lost the difference once it is read from in gulps.
 */
const LOOK_MS = TRIAL_MS;
/** When nothing came for longer than this, the sender had nothing to send, or the machine was busy: that proves nothing. */
const PAUSE_MS = 2 * GULP_MS;
/** Trials that pauses may cut short, one after the other, until its rate is looked at anew: it may have slowed down. */
const PAUSES_MAX = 4;
/** A sender that waits for answers sends less once they come later. Below this share of its rate it may be such a one. */
const KEPT_SHARE = 3 / 4;
/** Below this share it may be so all the more: the trial counts twice. */
const LOST_SHARE = 1 / 4;
/**
 * Trials that it fails, one after the other, until it is one: a busy machine makes anybody fail one. Between them its rate
 * is looked at anew, so that it is compared with what it sends now.
 */
const FAILED_MAX = 3;
/** A sender that waits for answers is not tried again for this long: beside that, what it lost in trials is little. */
const NOT_AGAIN_MS = 15_000;
/** Ends of ticks that take longer gather what comes meanwhile by themselves. */
const SHORT_END_MS = 2;

/** What is known of how fast a session publishes. */
export class Sender {
  readonly connection: Pick<Connection, "leaveUnread" | "readOn">;
  /** Publishes since `sinceMs`. */
  count: number = 0;
  sinceMs: number = 0;
  /** When the last tick with publishes of its ended, while it is a stream. */
  lastMs: number = 0;
  /** Publishes in a millisecond, the least that was seen; 0: it is read from as things come, and its rate looked at. */
  rate: number = 0;
  /** Trials cut short by pauses, one after the other. */
  pauses: number = 0;
  /** Trials failed, one after the other. */
  failed: number = 0;
  notBeforeMs: number = 0;
  /** It has published in this tick. */
  isListed: boolean = false;

  constructor(connection: Pick<Connection, "leaveUnread" | "readOn">) {
    this.connection = connection;
  }
}

/**
 * Reading from fast senders in gulps, as network cards moderate their interrupts. To read, keep, fan out and acknowledge
 * one publication costs little; the system calls for it cost as much for one as for ten. So a session that sends a
 * thousand publishes a second or more, without waiting for answers, is left unread for five milliseconds after each tick
 * that had some of its: then one read, one batch for the store, one write for all acknowledgements, and one for each
 * subscriber, serve what came meanwhile. Whoever sends less is never kept waiting.
 *
 * Whether a sender waits for answers is not to be seen, so it is tried: if its rate falls when it is read from in
 * gulps, it did, and is let alone. All gulps end together, so that they share a tick.
 */
export class Gulps {
  readonly #ports: Pick<Ports, "after" | "monotonicMs">;
  /** Streams that have published in this tick. */
  #streams: Sender[] = [];
  /** Streams that are not read from now. */
  #unread: Sender[] = [];
  #timer: Timer | null = null;

  constructor(ports: Pick<Ports, "after" | "monotonicMs">) {
    this.#ports = ports;
  }

  /** A session has published. */
  published(sender: Sender): void {
    sender.count++;
    if (sender.rate > 0) this.#list(sender);
    else if (sender.count % LOOK_AFTER === 0) this.#look(sender);
  }

  /** The tick is over; the end of the last one took so long. */
  endTick(lastEndMs: number): void {
    if (this.#streams.length === 0) return;
    const streams = this.#streams;
    this.#streams = [];
    const now = this.#ports.monotonicMs();
    for (const sender of streams) {
      sender.isListed = false;
      if (lastEndMs > SHORT_END_MS) begin(sender, now);
      else if (isStillStream(sender, now)) this.#leaveUnread(sender);
    }
  }

  /** Reads on from everybody: the server is closing. */
  close(): void {
    this.#timer?.cancel();
    this.#readOn();
  }

  #look(sender: Sender): void {
    const now = this.#ports.monotonicMs();
    const elapsedMs = now - sender.sinceMs;
    if (elapsedMs < LOOK_MS) return;
    const rate = sender.count / elapsedMs;
    begin(sender, now);
    if (rate < STREAM_PER_MS || now < sender.notBeforeMs) return;
    sender.rate = rate;
    this.#list(sender);
  }

  #list(sender: Sender): void {
    if (sender.isListed) return;
    sender.isListed = true;
    this.#streams.push(sender);
  }

  #leaveUnread(sender: Sender): void {
    sender.connection.leaveUnread();
    this.#unread.push(sender);
    this.#timer ??= this.#ports.after(GULP_MS, () => this.#readOn());
  }

  #readOn(): void {
    this.#timer = null;
    const unread = this.#unread;
    this.#unread = [];
    for (const { connection } of unread) connection.readOn();
  }
}

/** Counts anew. */
function begin(sender: Sender, now: number): void {
  sender.count = 0;
  sender.sinceMs = now;
  sender.lastMs = now;
}

/** Judges a stream by what it has sent since its trial began, if that is long enough ago. */
function isStillStream(sender: Sender, now: number): boolean {
  const elapsedMs = now - sender.sinceMs;
  const hasPaused = now - sender.lastMs > PAUSE_MS;
  sender.lastMs = now;
  if (elapsedMs < TRIAL_MS && !hasPaused) return true;
  const rate = sender.count / Math.max(1, elapsedMs);
  const share = rate / sender.rate;
  begin(sender, now);
  if (share >= KEPT_SHARE && rate >= STREAM_PER_MS) {
    sender.failed = 0;
    sender.pauses = 0;
    sender.rate = Math.min(sender.rate, rate);
    return true;
  }
  if (hasPaused && ++sender.pauses < PAUSES_MAX) return true;
  // As things come, until its rate is known anew.
  sender.rate = 0;
  sender.pauses = 0;
  if (hasPaused || share >= KEPT_SHARE) return false;
  sender.failed += share < LOST_SHARE ? 2 : 1;
  if (sender.failed < FAILED_MAX) return false;
  sender.failed = 0;
  sender.notBeforeMs = now + NOT_AGAIN_MS;
  return false;
}
