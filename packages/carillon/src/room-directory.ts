import { CarillonError } from "@carillon/protocol";
import { isRoom, type Person, type RoomEntry } from "./chat-contract.ts";

/** Who is in rooms is looked at so often, in milliseconds. */
const LOOK_INTERVAL_MS = 1_000;
/** Most rooms that people may open. */
const ROOMS_MAX = 1_000;
/** Most rooms that are listed. Those that are only addresses are not listed beyond; people can be in them all the same. */
const LISTED_MAX = 5_000;
/** People who are named with a room. */
const NAMED_MAX = 5;
const CHAT_PREFIX = "chat:";

/** What the directory needs of the server. */
export interface RoomDirectoryHost {
  /** Names of the channels that have a subscriber. */
  channels(): readonly string[];
  /** One for each tab of a person. */
  people(room: string): Promise<readonly Person[]>;
  rooms(): Promise<ReadonlyMap<string, RoomEntry>>;
  set(room: string, entry: RoomEntry): Promise<unknown>;
  remove(room: string): Promise<unknown>;
}

/**
 * The rooms and who is in them: the state channel `rooms`, kept up to date from presence. A room that somebody opened
 * stays; one that is only an address which people share is there as long as somebody is in it.
 */
export class RoomDirectory {
  readonly #host: RoomDirectoryHost;
  /** What the channel holds. */
  readonly #entries = new Map<string, RoomEntry>();
  /** Titles of the rooms that stay. */
  readonly #titles = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  /** `permanent` rooms, by name, are there from the start. */
  constructor(host: RoomDirectoryHost, permanent: Readonly<Record<string, string>>) {
    this.#host = host;
    for (const [room, title] of Object.entries(permanent)) this.#titles.set(room, title);
    this.#timer = setInterval(() => void this.look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Takes up what an earlier life of the server left, and fills the channel. */
  async open(): Promise<void> {
    for (const [room, entry] of await this.#host.rooms()) {
      this.#entries.set(room, entry);
      if (entry.isKept === true && !this.#titles.has(room)) this.#titles.set(room, entry.title);
    }
    await this.look();
  }

  /** True for a room that stays, or that somebody is in. */
  has(room: string): boolean {
    return this.#titles.has(room) || this.#entries.has(room);
  }

  /** Opens a room and resolves to its name. Rejects with `room.taken` and `room.full`. */
  async create(title: string): Promise<string> {
    const room = roomOf(title);
    if (this.has(room)) {
      throw new CarillonError("room.taken", `There is a room ${room} already; expected another title.`);
    }
    if (this.#titles.size >= ROOMS_MAX) {
      throw new CarillonError("room.full", `There are ${ROOMS_MAX} rooms already, and no room for another.`);
    }
    this.#titles.set(room, title);
    await this.#update(room, []);
    return room;
  }

  /** Looks who is where. What can't be read now is read a second later. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const busy = this.#host
        .channels()
        .flatMap((name) => (name.startsWith(CHAT_PREFIX) ? [name.slice(CHAT_PREFIX.length)] : []));
      const followed = new Set(busy.filter(isRoom));
      const rooms = new Set([...followed, ...this.#titles.keys(), ...this.#entries.keys()]);
      for (const room of rooms) {
        // People whose connections have just broken, with the server's end perhaps, are still there for a moment.
        const mayHavePeople = followed.has(room) || (this.#entries.get(room)?.count ?? 0) > 0;
        await this.#update(room, mayHavePeople ? await this.#host.people(room) : []);
      }
    } catch {
      // The store can't be reached, or the server is closing. The next look comes by itself.
    } finally {
      this.#isLooking = false;
    }
  }

  /** Looks no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #update(room: string, members: readonly Person[]): Promise<void> {
    const title = this.#titles.get(room);
    const people = [...new Map(members.map(({ user, name }) => [user, { user, name }])).values()];
    const before = this.#entries.get(room);
    if (title === undefined && people.length === 0) {
      if (this.#entries.delete(room)) await this.#host.remove(room);
      return;
    }
    if (title === undefined && before === undefined && this.#entries.size >= LISTED_MAX) return;
    const entry: RoomEntry = {
      title: title ?? `#${room}`,
      count: people.length,
      people: people.slice(0, NAMED_MAX),
      ...(title === undefined ? {} : { isKept: true }),
    };
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(entry)) return;
    this.#entries.set(room, entry);
    await this.#host.set(room, entry);
  }
}

/** The name that a room of this title has in addresses. One in another script gets a short hash of its own. */
export function roomOf(title: string): string {
  const slug = title
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  if (slug !== "") return slug.slice(0, 48).replace(/-+$/, "");
  let hash = 0;
  for (const character of title) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return `room-${hash.toString(36)}`;
}
