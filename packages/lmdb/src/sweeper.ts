import type { ChannelOptions, Logger, Timer } from "@carillon/server/backplane";
import type { ChannelTable, StoreParts } from "./channel-table.ts";
import type { IdMemory } from "./id-memory.ts";
import {
  afterPrefix,
  Kind,
  kindKey,
  KINDS_OF_CHANNEL,
  nextKey,
  numberAt,
  numberKey,
  textAt,
  type Key,
} from "./layout.ts";
import type { LmdbTickets } from "./lmdb-tickets.ts";
import type { LogStore } from "./log-store.ts";
import type { StateStore } from "./state-store.ts";

/** How often to look for what may go. */
const ROUND_MS = 1_000;
/** How soon to go on when a round had more to do than it may. */
const BUSY_MS = 25;
/** Channels that a round looks at. */
const CHANNELS_PER_ROUND = 64;
/** Entries that a round takes away: about a millisecond of work for the thread that serves everybody. */
const ENTRIES_PER_ROUND = 1_024;

/** What the sweeper works with. */
export interface SweeperParts extends StoreParts {
  readonly table: ChannelTable;
  readonly ids: IdMemory;
  readonly tickets: LmdbTickets;
  readonly logs: LogStore;
  readonly states: StateStore;
  readonly logger: Logger;
  /** Age from which a change of state need not be known any more: nobody comes back from before it. */
  readonly journalTtlMs: number;
}

/**
 * Takes away what has had its time, a little at a time: ids over their window, credentials, lives of channels that were
 * removed, and what is over the age or size in channels that nobody writes to. Nobody waits for it: whoever reads holds
 * to the bounds by itself.
 */
export class Sweeper {
  readonly #parts: SweeperParts;
  #timer: Timer | null = null;
  #nextChannel: Key = kindKey(Kind.channel);

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  /** Starts. */
  start(): void {
    this.#wait(ROUND_MS);
  }

  /** Stops. */
  close(): void {
    this.#timer?.cancel();
  }

  #wait(waitMs: number): void {
    this.#timer = this.#parts.ports.after(waitMs, () => {
      let isBusy = false;
      try {
        isBusy = this.#parts.queue.refusal === null && this.#round();
      } catch (error) {
        this.#parts.logger.error("The store could not be swept.", { error: String(error) });
      }
      this.#wait(isBusy ? BUSY_MS : ROUND_MS);
    });
  }

  /** True if there is more to do. */
  #round(): boolean {
    const { ids, tickets } = this.#parts;
    ids.expire();
    const credentials = tickets.expire(ENTRIES_PER_ROUND);
    const cleared = this.#clearDoomed();
    const trimmed = this.#trimChannels(ENTRIES_PER_ROUND - cleared);
    return Math.max(credentials, cleared + trimmed) >= ENTRIES_PER_ROUND;
  }

  /** Takes away what bears the number of a life that is over. */
  #clearDoomed(): number {
    const { environment, queue } = this.#parts;
    const [doomed] = environment.keys({ start: kindKey(Kind.doomed), end: kindKey(Kind.doomed + 1), limit: 1 });
    if (doomed === undefined) return 0;
    const number = numberAt(doomed, 1);
    let left = ENTRIES_PER_ROUND;
    for (const kind of KINDS_OF_CHANNEL) {
      const start = numberKey(kind, number);
      const keys = left === 0 ? [] : environment.keys({ start, end: afterPrefix(start), limit: left });
      for (const key of keys) queue.write(key, null);
      left -= keys.length;
    }
    // What has just been decided is on its way; the mark goes when nothing was left.
    if (left === ENTRIES_PER_ROUND) queue.write(doomed, null);
    return ENTRIES_PER_ROUND - left;
  }

  /** Trims some channels, in turn. */
  #trimChannels(limit: number): number {
    const { environment, table, logs, states, ports, journalTtlMs } = this.#parts;
    const range = { start: this.#nextChannel, end: kindKey(Kind.channel + 1), limit: CHANNELS_PER_ROUND };
    let left = limit;
    let last: Key | null = null;
    for (const key of environment.keys(range)) {
      if (left <= 0) break;
      const channel = table.get(textAt(key, 1), ANY);
      left -= logs.trim(channel, left) + states.trim(channel, ports.wallMs() - journalTtlMs, left);
      last = key;
    }
    this.#nextChannel = last === null ? kindKey(Kind.channel) : nextKey(last);
    return limit - Math.max(0, left);
  }
}

/** Channels on disk know their kind; these options are never looked at. */
const ANY: ChannelOptions = { kind: "log", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: false };
