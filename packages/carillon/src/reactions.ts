import { CarillonError } from "@carillon/protocol";
import type { Person, Reaction, ReactInput } from "./chat-contract.ts";

/** Most different emoji that one message has. */
const EMOJI_MAX = 20;
/** Most people who are kept for one emoji of one message. */
const PEOPLE_MAX = 100;
/** Most messages of a room that have reactions; beyond, those whose reactions changed longest ago lose them. */
const MESSAGES_MAX = 1_000;

/** How often a change is tried because other servers were first. */
const ATTEMPTS_MAX = 20;
/**
 * Before a further attempt: a random time below the double of that of the one before, in milliseconds, as the SDK waits
 * before it connects again. Without chance, servers that collided once would collide again and again. It begins short,
 * since somebody waits for the answer, and what is waited for is one change of another server.
 */
const PAUSE_MS = 10;
const PAUSE_MAX_MS = 200;

/** The reactions to one message. */
export interface StoredReactions {
  readonly value: readonly Reaction[];
  readonly version: number;
  /** The time of their last change. */
  readonly at: number;
}

/** What reactions need of the server. */
export interface ReactionsHost {
  /** Reactions by id of the message. */
  entries(room: string): Promise<ReadonlyMap<string, StoredReactions>>;
  /** Stores them if the message's have the version `expect`, 0 for none. Rejects with `conflict` otherwise. */
  set(room: string, message: string, value: readonly Reaction[], expect: number): Promise<unknown>;
  /** Removes them under the same condition. */
  remove(room: string, message: string, expect: number): Promise<unknown>;
  /** From 0 to 1, without 1. */
  random(): number;
  /** Resolves after so many milliseconds. */
  pause(ms: number): Promise<unknown>;
}

/**
 * Gives and takes back emoji. The server does it, not the page, so that nobody reacts in another's name; one at a time
 * in each room, and only on top of what it has read, so that two who react at once, on whatever servers, don't undo each
 * other.
 */
export class Reactions {
  readonly #host: ReactionsHost;
  /** The last change under way, by room. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(host: ReactionsHost) {
    this.#host = host;
  }

  /** Resolves when it is stored. Rejects with `reaction.full` when there is no room for another one. */
  async react(user: string, input: ReactInput): Promise<void> {
    const before = this.#tails.get(input.room) ?? Promise.resolve();
    const change = before.then(() => this.#change({ user, name: input.name }, input));
    const tail = change.catch(() => {});
    this.#tails.set(input.room, tail);
    await change.finally(() => {
      if (this.#tails.get(input.room) === tail) this.#tails.delete(input.room);
    });
  }

  async #change(person: Person, input: ReactInput): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#tryToChange(person, input);
        return;
      } catch (error) {
        const isLate = error instanceof CarillonError && error.code === "conflict";
        if (!isLate || attempt === ATTEMPTS_MAX) throw error;
        await this.#host.pause(this.#host.random() * Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** (attempt - 1)));
      }
    }
  }

  async #tryToChange(person: Person, { room, message, emoji, isGiven }: ReactInput): Promise<void> {
    const entries = await this.#host.entries(room);
    const { value: before, version } = entries.get(message) ?? { value: [], version: 0 };
    const after = isGiven ? give(before, emoji, person) : takeBack(before, emoji, person);
    if (after === before) return;
    if (after.length === 0) {
      await this.#host.remove(room, message, version);
      return;
    }
    if (!entries.has(message) && entries.size >= MESSAGES_MAX) {
      const [oldest] = [...entries].sort(([, a], [, b]) => a.at - b.at);
      if (oldest !== undefined) await this.#host.remove(room, oldest[0], oldest[1].version);
    }
    await this.#host.set(room, message, after, version);
  }
}

function give(before: readonly Reaction[], emoji: string, person: Person): readonly Reaction[] {
  const given = before.find((reaction) => reaction.emoji === emoji);
  if (given === undefined) {
    if (before.length >= EMOJI_MAX) throw full(`${EMOJI_MAX} different emoji`);
    return [...before, { emoji, people: [person] }];
  }
  if (given.people.some(({ user }) => user === person.user)) return before;
  if (given.people.length >= PEOPLE_MAX) throw full(`${PEOPLE_MAX} people for one emoji`);
  return before.map((reaction) => (reaction === given ? { emoji, people: [...given.people, person] } : reaction));
}

function takeBack(before: readonly Reaction[], emoji: string, { user }: Person): readonly Reaction[] {
  const given = before.find((reaction) => reaction.emoji === emoji);
  if (given === undefined || !given.people.some((person) => person.user === user)) return before;
  const people = given.people.filter((person) => person.user !== user);
  return before.flatMap((reaction) =>
    reaction !== given ? [reaction] : people.length === 0 ? [] : [{ emoji, people }],
  );
}

function full(what: string): CarillonError {
  return new CarillonError("reaction.full", `A message has at most ${what}.`);
}
