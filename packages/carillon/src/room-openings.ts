import { CarillonError } from "@carillon/protocol";
import { KeyedRateLimit } from "@carillon/server";

/** One guest: all rooms that a page follows and as many again, then one each minute. */
const PER_GUEST = { perSecond: 1 / 60, burst: 50, keysMax: 10_000 };
/** All guests together, because a new guest costs nothing: a busy evening at once, then two a second. */
const ALL_GUESTS = { perSecond: 2, burst: 1_000, keysMax: 1 };
/** Rooms that are remembered as opened, so that coming back to one is free although nothing was said in it yet. */
const REMEMBERED_MAX = 10_000;

/** What opening rooms needs of the server. */
export interface RoomOpeningsHost {
  /** True for a room of the directory: somebody is in it, or it stays. */
  isListed(room: string): boolean;
  /** True for a room in which something was said that is still kept. */
  hasHistory(room: string): Promise<boolean>;
  /** Monotonic clock. */
  monotonicMs(): number;
}

/**
 * Bounds how fast rooms come into being. Any well-formed name is the address of a room, and each room that somebody
 * was in leaves something behind in the store, so without a bound one script could fill it. Rooms that are there
 * already may be entered by anybody at any time.
 */
export class RoomOpenings {
  readonly #host: RoomOpeningsHost;
  readonly #perGuest: KeyedRateLimit;
  readonly #together: KeyedRateLimit;
  /** In the order in which they were last entered. */
  readonly #remembered = new Set<string>();

  constructor(host: RoomOpeningsHost) {
    this.#host = host;
    this.#perGuest = new KeyedRateLimit(host, PER_GUEST);
    this.#together = new KeyedRateLimit(host, ALL_GUESTS);
  }

  /**
   * Lets a guest into a room, which is opened if it is not there. Rejects with `room.limit` when that guest has opened
   * many, and when all guests together have.
   */
  async enter(guest: string, room: string): Promise<void> {
    const isKnown = this.#host.isListed(room) || this.#remembered.has(room) || (await this.#host.hasHistory(room));
    if (!isKnown) this.open(guest);
    this.#remember(room);
  }

  /** Counts a room that a guest opens. Throws as {@link RoomOpenings.enter} rejects. */
  open(guest: string): void {
    const ownWaitMs = this.#perGuest.take(guest);
    if (ownWaitMs > 0) throw tooMany("You have opened many rooms in a short time", ownWaitMs);
    const waitMs = this.#together.take("");
    if (waitMs > 0) throw tooMany("Many rooms were opened in a short time", waitMs);
  }

  #remember(room: string): void {
    this.#remembered.delete(room);
    const [oldest] = this.#remembered;
    if (this.#remembered.size >= REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.add(room);
  }
}

function tooMany(what: string, waitMs: number): CarillonError {
  const seconds = Math.ceil(waitMs / 1_000);
  const message = `${what}. Go into a room that is there already, or open another in ${seconds} s.`;
  return new CarillonError("room.limit", message, { retryAfterMs: waitMs });
}
