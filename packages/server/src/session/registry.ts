import { CarillonError } from "@carillon/protocol";
import type { OpenSession } from "./host.ts";

/** The open sessions of a node, by instance and by user. */
export class Registry {
  readonly #byInstance = new Index();
  readonly #byUser = new Index();
  #size = 0;

  /** How many sessions are open. */
  get size(): number {
    return this.#size;
  }

  /** How many entries all indexes have together: zero when nobody is connected. */
  get entries(): number {
    return this.#size + this.#byInstance.size + this.#byUser.size;
  }

  /** Adds an open session, unless its user has so many. */
  add(session: OpenSession, perUserMax: number): CarillonError | null {
    const { instance, userId } = session.identity;
    // The older connection of an instance that comes back is about to be ended, and must not keep it out.
    const others = this.#byUser.get(userId).filter(({ identity }) => identity.instance !== instance);
    if (others.length >= perUserMax) {
      return new CarillonError("overloaded", `Expected at most ${perUserMax} connections of a user; close one first.`);
    }
    this.#size++;
    this.#byInstance.add(instance, session);
    this.#byUser.add(userId, session);
    return null;
  }

  /** Removes a session that has ended, and was added. */
  remove(session: OpenSession): void {
    this.#size--;
    this.#byInstance.remove(session.identity.instance, session);
    this.#byUser.remove(session.identity.userId, session);
  }

  /** The sessions of an instance: more than one only while it is coming back. */
  ofInstance(instance: string): readonly OpenSession[] {
    return this.#byInstance.get(instance);
  }

  /** The sessions of a user. */
  ofUser(user: string): readonly OpenSession[] {
    return this.#byUser.get(user);
  }

  /** All of them. */
  all(): readonly OpenSession[] {
    return this.#byInstance.all();
  }

  /** Ids of the users with an open session. */
  users(): readonly string[] {
    return this.#byUser.keys();
  }
}

/** Sessions by a key. Nearly every key has one session, and a set for it would be larger than everything else here. */
class Index {
  readonly #sessions = new Map<string, OpenSession | Set<OpenSession>>();

  get size(): number {
    return this.#sessions.size;
  }

  keys(): string[] {
    return [...this.#sessions.keys()];
  }

  get(key: string): readonly OpenSession[] {
    return listOf(this.#sessions.get(key));
  }

  all(): readonly OpenSession[] {
    return [...this.#sessions.values()].flatMap(listOf);
  }

  add(key: string, session: OpenSession): void {
    const known = this.#sessions.get(key);
    if (known instanceof Set) known.add(session);
    else this.#sessions.set(key, known === undefined ? session : new Set([...listOf(known), session]));
  }

  remove(key: string, session: OpenSession): void {
    const known = this.#sessions.get(key);
    if (known instanceof Set) known.delete(session);
    if (known === session || (known instanceof Set && known.size === 0)) this.#sessions.delete(key);
  }
}

function listOf(known: OpenSession | Set<OpenSession> | undefined): readonly OpenSession[] {
  if (known === undefined) return [];
  return known instanceof Set ? [...known] : [known];
}
