import type { ChannelOptions, Logger, Timer } from "@carillon/server/backplane";
import type { Channel } from "./channel.ts";
import type { ChannelTable, StoreParts } from "./channel-table.ts";
import { Kind, kindKey, nextKey, numberAt, sixAt, sixKey, textAt, type Key } from "./layout.ts";
import { ByteReader } from "./bytes.ts";
import type { Applied, StateStore } from "./state-store.ts";

/** Entries that are ended in one commit at most. */
const ENDS_MAX = 512;
/** The longest wait, so that a clock that was set forward is noticed. */
const WAIT_MAX_MS = 30_000;
/** How long to wait before what could not be written is tried again. */
const RETRY_MS = 1_000;

/** What the ends of entries work with. */
export interface EntryEndsParts extends StoreParts {
  readonly table: ChannelTable;
  readonly states: () => StateStore;
  readonly logger: Logger;
  /** Delivers what was ended, once it is durable. */
  readonly announce: (channel: Channel, applied: Applied) => void;
}

/**
 * Ends entries whose time has come, whatever channel they are in and whether or not anybody looks at it; by the wall
 * clock, so that an entry that should have ended while the server was down ends when it is up again. And ends the entries
 * of instances that did not survive the last start of the server: nobody is left to release them, so they get the same
 * grace as after a cut connection, and go unless their instance came back and set them again.
 */
export class EntryEnds {
  readonly #parts: EntryEndsParts;
  #timer: Timer | null = null;
  #firesAt = Infinity;
  #grace: Timer | null = null;
  #isClosed = false;

  constructor(parts: EntryEndsParts) {
    this.#parts = parts;
  }

  /** Starts; the grace counts from here. */
  start(graceMs: number): void {
    this.#wakeForNext();
    this.#grace = this.#parts.ports.after(graceMs, () => this.#abandon(kindKey(Kind.owned)));
  }

  /** An entry ends then. */
  endsAt(atMs: number): void {
    const { ports } = this.#parts;
    if (this.#isClosed || atMs >= this.#firesAt) return;
    this.#firesAt = atMs;
    this.#timer?.cancel();
    const waitMs = Math.min(WAIT_MAX_MS, Math.max(1, atMs - ports.wallMs()));
    this.#timer = ports.after(waitMs, () => this.#guard(() => this.#expire()));
  }

  /** Stops. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#grace?.cancel();
  }

  #expire(): void {
    const { environment, queue, table, ports } = this.#parts;
    this.#firesAt = Infinity;
    if (queue.refusal !== null) return this.endsAt(ports.wallMs() + RETRY_MS);
    const end = sixKey(Kind.end, Math.max(0, Math.floor(ports.wallMs())) + 1);
    for (const key of environment.keys({ start: kindKey(Kind.end), end, limit: ENDS_MAX })) {
      const number = numberAt(key, 7);
      const name = table.nameOf(number);
      const channel = name === null ? null : table.get(name, ANY_STATE);
      if (channel?.ahead.number === number) {
        const applied = this.#parts.states().expireDue(channel, textAt(key, 11));
        if (applied !== null) this.#parts.announce(channel, applied);
      }
      // Of an entry that was set again, or of a life of the channel that is over, only this is left.
      queue.write(key, null);
      queue.split();
    }
    queue.settled((failure) => {
      if (failure === null) this.#guard(() => this.#wakeForNext());
      else this.endsAt(ports.wallMs() + RETRY_MS);
    });
  }

  #wakeForNext(): void {
    if (this.#isClosed) return;
    const [next] = this.#parts.environment.keys({ start: kindKey(Kind.end), end: kindKey(Kind.end + 1), limit: 1 });
    if (next !== undefined) this.endsAt(sixAt(next, 1));
  }

  /** Looks at the owned entries from a key on, some at a time. */
  #abandon(from: Key): void {
    this.#guard(() => {
      const { environment, queue, table, state, ports } = this.#parts;
      if (this.#isClosed) return;
      const later = (next: Key, waitMs: number): void => {
        this.#grace = ports.after(waitMs, () => this.#abandon(next));
      };
      if (queue.refusal !== null) return later(from, RETRY_MS);
      const owned = environment.keys({ start: from, end: kindKey(Kind.owned + 1), limit: ENDS_MAX });
      for (const key of owned) {
        const value = queue.get(key);
        if (value === undefined || new ByteReader(value).four() === state.boot) continue;
        const number = numberAt(key, 1);
        const split = key.indexOf("\0", 5);
        const name = table.nameOf(number);
        const channel = name === null ? null : table.get(name, ANY_STATE);
        if (channel?.ahead.number !== number) continue;
        const applied = this.#parts.states().abandon(channel, textAt(key, 5, split), textAt(key, split + 1));
        if (applied !== null) this.#parts.announce(channel, applied);
        queue.split();
      }
      const last = owned.at(-1);
      if (owned.length < ENDS_MAX || last === undefined) return;
      // What could not be written is looked at again; what was is gone.
      queue.settled((failure) => later(failure === null ? nextKey(last) : from, 1));
    });
  }

  /** A damaged file must not end the process; whoever asks for the channel is told. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.logger.error("The ends of entries could not be worked off.", { error: String(error) });
    }
  }
}

/** A channel that has a number is on disk with its kind; these options are never looked at. */
const ANY_STATE: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: false };
