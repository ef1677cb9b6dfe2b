import { CarillonError } from "@carillon/protocol";
import { isRoom, type Person, type RoomEntry } from "./chat-contract.ts";

/** Who is in rooms is looked at so often, in milliseconds. */
const LOOK_INTERVAL_MS = 1_000;
/** Most rooms that people may open. */
const ROOMS_MAX = 1_000;
/** Most rooms that are listed. Those that are only addresses are not listed beyond; people can be in them all the same. */
const LISTED_MAX = 5_000;
/**
 * Every how many looks rooms are looked at in which nobody of this server is: others do it each time, unless the last
 * server that had somebody in it has died.
 */
const OTHERS_LOOKS = 5;
/** People who are named with a room. */
const NAMED_MAX = 5;
const CHAT_PREFIX = "chat:";

/** What the directory needs of the server. */
export interface RoomDirectoryHost {
  /** Names of the channels that have a subscriber. */
  channels(): readonly string[];
  /** One for each tab of a person. */
  people(room: string): Promise<readonly Person[]>;
  /** What all servers have written. */
  rooms(): Promise<ReadonlyMap<string, StoredRoom>>;
  /** Stores an entry if the room's has the version `expect`, 0 for none; its new version. Rejects with `conflict` otherwise. */
  set(room: string, entry: RoomEntry, expect: number): Promise<number>;
  /** Removes an entry under the same condition. */
  remove(room: string, expect: number): Promise<unknown>;
}

/** An entry of the directory. */
export interface StoredRoom {
  readonly value: RoomEntry;
  readonly version: number;
}

/**
 * The rooms and who is in them: the state channel `rooms`, kept up to date from presence. A room that somebody opened
 * stays; one that is only an address which people share is there as long as somebody is in it.
 *
 * Every server of a cluster does it. Presence is read after the entry, and the entry is written only if nobody has
 * written it since: so whoever writes last has seen the most, and who was late looks again.
 */
export class RoomDirectory {
  readonly #host: RoomDirectoryHost;
  /** What the channel held at the last look, and what this server has written since. */
  #entries = new Map<string, StoredRoom>();
  /** Titles of the rooms that stay. */
  readonly #titles = new Map<string, string>();
  /** Rooms that somebody of this server is in, or was until now. */
  readonly #own = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #looks = 0;
  #isLooking = false;

  /** `permanent` rooms, by name, are there from the start. */
  constructor(host: RoomDirectoryHost, permanent: Readonly<Record<string, string>>) {
    this.#host = host;
    for (const [room, title] of Object.entries(permanent)) this.#titles.set(room, title);
    this.#timer = setInterval(() => void this.look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Takes up what an earlier life of the server left, and fills the channel. Rejects when the store can't be read. */
  async open(): Promise<void> {
    await this.#read();
    await this.look();
  }

  /** True for a room that stays, or that somebody is in. */
  has(room: string): boolean {
    return this.#titles.has(room) || this.#entries.has(room);
  }

  /** Opens a room and resolves to its name. Rejects with `room.taken` and `room.full`. */
  async create(title: string): Promise<string> {
    const room = roomOf(title);
    if (this.has(room)) throw taken(room);
    if (this.#titles.size >= ROOMS_MAX) {
      throw new CarillonError("room.full", `There are ${ROOMS_MAX} rooms already, and no room for another.`);
    }
    try {
      await this.#write(room, { title, count: 0, people: [], isKept: true }, 0);
    } catch (error) {
      // Somebody else was first, here or on another server.
      throw isConflict(error) ? taken(room) : error;
    }
    this.#titles.set(room, title);
    return room;
  }

  /** Looks who is where. What can't be read now is read a second later. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#read();
      const followed = new Set(
        this.#host
          .channels()
          .flatMap((name) => (name.startsWith(CHAT_PREFIX) ? [name.slice(CHAT_PREFIX.length)] : []))
          .filter(isRoom),
      );
      const isForAll = this.#looks++ % OTHERS_LOOKS === 0;
      const rooms = new Set([...followed, ...this.#titles.keys(), ...this.#entries.keys()]);
      for (const room of this.#own) if (!rooms.has(room)) this.#own.delete(room);
      for (const room of rooms) await this.#lookInto(room, followed, isForAll);
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

  async #read(): Promise<void> {
    this.#entries = new Map(await this.#host.rooms());
    for (const [room, { value }] of this.#entries) {
      if (value.isKept === true && !this.#titles.has(room)) this.#titles.set(room, value.title);
    }
  }

  async #lookInto(room: string, followed: ReadonlySet<string>, isForAll: boolean): Promise<void> {
    const count = this.#entries.get(room)?.value.count ?? 0;
    // People whose connections have just broken, with the server's end perhaps, are still there for a moment.
    const mayHavePeople = followed.has(room) || count > 0;
    if (followed.has(room)) this.#own.add(room);
    else if (!mayHavePeople) this.#own.delete(room);
    if (mayHavePeople && !this.#own.has(room) && !isForAll) return;
    try {
      await this.#update(room, mayHavePeople ? await this.#host.people(room) : []);
    } catch (error) {
      // Another server has written it since it was read here.
      if (!isConflict(error)) throw error;
    }
  }

  async #update(room: string, members: readonly Person[]): Promise<void> {
    const title = this.#titles.get(room);
    const people = [...new Map(members.map(({ user, name }) => [user, { user, name }])).values()];
    const { value: before = null, version = 0 } = this.#entries.get(room) ?? {};
    if (title === undefined && people.length === 0) {
      if (before !== null) await this.#host.remove(room, version);
      this.#entries.delete(room);
      return;
    }
    if (title === undefined && before === null && this.#entries.size >= LISTED_MAX) return;
    const entry: RoomEntry = {
      title: title ?? `#${room}`,
      count: people.length,
      people: people.slice(0, NAMED_MAX),
      ...(title === undefined ? {} : { isKept: true }),
    };
    if (before === null || !isSame(before, entry)) await this.#write(room, entry, version);
  }

  async #write(room: string, entry: RoomEntry, expect: number): Promise<void> {
    this.#entries.set(room, { value: entry, version: await this.#host.set(room, entry, expect) });
  }
}

function isSame(a: RoomEntry, b: RoomEntry): boolean {
  return (
    a.title === b.title &&
    a.count === b.count &&
    a.isKept === b.isKept &&
    JSON.stringify(a.people.map(({ user, name }) => [user, name])) ===
      JSON.stringify(b.people.map(({ user, name }) => [user, name]))
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof CarillonError && error.code === "conflict";
}

function taken(room: string): CarillonError {
  return new CarillonError("room.taken", `There is a room ${room} already; expected another title.`);
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
