import { CarillonError, type SetResult } from "@carillon/protocol";
import { isText } from "./fields.ts";
import type { Answer, Link } from "./link.ts";
import type { Payload } from "./payload.ts";
import type { ClientPorts } from "./ports.ts";
import { TimerSet } from "./timer-set.ts";

/** Takes the outcome of a set or a removal. */
export type WasSet = (outcome: SetResult | CarillonError) => void;

/** What own entries need of their instance. */
export interface OwnEntriesHost {
  link(): Link | null;
  /** True if the channel is followed and shows the entry as ours. */
  isOwned(channel: string, key: string): boolean;
  /** True for the id that the instance has. */
  isSelf(instance: string): boolean;
  /** Takes the error of an entry that could not be set again and that nobody waits for. */
  fail(error: CarillonError): void;
}

/** A wish for one key: the value that it should have, or that it should end. */
export interface Wish {
  readonly channel: string;
  /** Null: the instance's own id. */
  readonly key: string | null;
  /** Null: the entry should end. */
  readonly payload: Payload | null;
  /** False: once it has come true, it is forgotten, and not made true again after a reconnect. */
  readonly keep: boolean;
}

interface Slot {
  wish: Wish;
  /** Changes with every command sent: only the answer to the newest says how things stand. */
  serial: number;
  /**
   * Version that the entry got; null until the wish has come true. Negative: it ended by other means. Then it does not come
   * back, unless the server, whose store may have lost it, sets it again, or says that it can't.
   */
  version: number | null;
  waiting: WasSet[];
  /** Failures in a row. */
  attempt: number;
}

/** Most keys that one client wishes for, and most callers that wait for one of them. */
const WISHES_MAX = 1000;
/** What ended by other means may still come back so for this long, in milliseconds. */
const LOST_MS = 30_000;

/**
 * What this instance wants its entries to be: the last wish for each channel and key. Only the last counts, so a wish
 * that could not be sent is replaced by the next, not queued. What ends with the instance (presence, cursors, typing
 * marks) is wished for again on every new connection, and so comes back by itself.
 */
export class OwnEntries {
  readonly #host: OwnEntriesHost;
  readonly #timers: TimerSet;
  readonly #slots = new Map<string, Slot>();

  constructor(ports: ClientPorts, host: OwnEntriesHost) {
    this.#host = host;
    this.#timers = new TimerSet(ports);
  }

  /** Makes a wish, now or with the next connection. `settle` is called once, when it or a later one has come true. */
  wish(wish: Wish, settle: WasSet): void {
    const id = idOf(wish.channel, wish.key);
    const slot = this.#slots.get(id) ?? { wish, serial: 0, version: null, waiting: [], attempt: 0 };
    slot.wish = wish;
    // The wish before may have come true; made without a connection, this one must not pass for it.
    slot.version = null;
    slot.waiting.push(settle);
    this.#slots.set(id, slot);
    // Without a connection, callers must not pile up behind a cursor that moves on.
    if (this.#slots.size > WISHES_MAX) this.#forgetEnded();
    if (this.#slots.size > WISHES_MAX) this.#slots.delete(id);
    else if (slot.waiting.length <= WISHES_MAX) {
      this.#send(id, slot);
      return;
    }
    slot.waiting.shift()?.(new CarillonError("queue_full", `Expected ${WISHES_MAX} at most.`));
  }

  /** A connection stands: what did not come true, and what may have ended meanwhile, is wished for again. */
  connected(): void {
    this.#forgetEnded();
    for (const [id, slot] of this.#slots) {
      const { channel, key } = slot.wish;
      if (slot.version === null || key === null || this.#host.isOwned(channel, key)) this.#send(id, slot);
      else this.#slots.delete(id);
    }
  }

  /** The link has ended. */
  lost(): void {
    this.#timers.clearAll();
  }

  /** The client is disconnected, and left cleanly: there is nothing to come back to. */
  stop(error: CarillonError): void {
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    for (const slot of slots) settleAll(slot.waiting, error);
  }

  /** The server shows an entry of ours, or that it ended by other means (TTL, the server, another user). */
  shown(channel: string, key: string, version: number, isRemoved: boolean): void {
    const id = idOf(channel, this.#host.isSelf(key) ? null : key);
    const slot = this.#slots.get(id);
    // An older version: that was the entry of before the absence, and ours stands after it.
    if (slot && slot.version !== null && Math.abs(slot.version) < version) {
      slot.version = isRemoved ? -version : version;
      this.#timers.set(id, LOST_MS, () => (slot.version ?? 0) < 0 && this.#slots.delete(id));
    }
  }

  /** The server has lost entries, and can't set them again: what was just seen to end is wished for again. */
  entriesLost(): void {
    for (const slot of this.#slots.values()) if ((slot.version ?? 0) < 0) slot.version = null;
  }

  #forgetEnded(): void {
    for (const [id, slot] of this.#slots) if ((slot.version ?? 0) < 0) this.#slots.delete(id);
  }

  #send(id: string, slot: Slot): void {
    const link = this.#host.link();
    if (!link) return;
    const { wish } = slot;
    const { channel, key, payload } = wish;
    const serial = ++slot.serial;
    const waiting = slot.waiting.splice(0);
    slot.version = null;
    this.#timers.clear(id);
    link.request(setCommand(channel, key, payload), payload, (answer) => {
      const isNewest = serial === slot.serial && this.#slots.get(id) === slot;
      if (!answer || (isNewest && answer instanceof CarillonError && answer.retry)) {
        // They wait for the next attempt, unless the client has given up.
        if (this.#slots.get(id) === slot) slot.waiting.unshift(...waiting);
        else settleAll(waiting, new CarillonError("aborted", "Replaced."));
        if (answer) this.#timers.retry(id, slot.attempt++, answer.retryAfterMs, () => this.#send(id, slot));
        return;
      }
      const outcome = readOutcome(answer);
      if (isNewest) this.#decided(id, slot, outcome);
      if (outcome instanceof CarillonError && !waiting.length) this.#host.fail(outcome);
      settleAll(waiting, outcome);
    });
  }

  #decided(id: string, slot: Slot, outcome: SetResult | CarillonError): void {
    slot.attempt = 0;
    const isKept = slot.wish.keep && slot.wish.payload !== null && !(outcome instanceof CarillonError);
    if (isKept) slot.version = outcome.version;
    else this.#slots.delete(id);
  }
}

/** Reads the reply to `set` and `remove`. */
export function readOutcome(answer: Exclude<Answer, null>): SetResult | CarillonError {
  if (answer instanceof CarillonError) return answer;
  const { pos, version } = answer;
  return isText(pos)
    ? { pos, version: Number(version) }
    : new CarillonError("bad_message", "Expected pos and version.");
}

/** A `set`, or a `remove` if there is no payload. */
export function setCommand(channel: string, key: string | null, payload: Payload | null): object {
  return { cmd: payload ? "set" : "remove", channel, key: key ?? undefined };
}

function idOf(channel: string, key: string | null): string {
  return key === null ? channel : `${channel} ${key}`;
}

function settleAll(waiting: readonly WasSet[], outcome: SetResult | CarillonError): void {
  for (const settle of waiting) settle(outcome);
}
