import type { OpenSession } from "./host.ts";

/** The open sessions of a node, by id, by instance and by user. */
export class Registry {
  readonly #sessions = new Map<string, OpenSession>();
  readonly #byInstance = new Map<string, Set<OpenSession>>();
  readonly #byUser = new Map<string, Set<OpenSession>>();

  /** How many sessions are open. */
  get size(): number {
    return this.#sessions.size;
  }

  /** How many entries all indexes have together: zero when nobody is connected. */
  get entries(): number {
    return this.#sessions.size + this.#byInstance.size + this.#byUser.size;
  }

  /** Adds an open session. */
  add(session: OpenSession): void {
    this.#sessions.set(session.id, session);
    if (session.identity === null) return;
    index(this.#byInstance, session.identity.instance, session);
    index(this.#byUser, session.identity.publisher.user, session);
  }

  /** Removes a session that has ended. */
  remove(session: OpenSession): void {
    this.#sessions.delete(session.id);
    if (session.identity === null) return;
    unindex(this.#byInstance, session.identity.instance, session);
    unindex(this.#byUser, session.identity.publisher.user, session);
  }

  /** The sessions of an instance: more than one only while it is coming back. */
  ofInstance(instance: string): readonly OpenSession[] {
    return [...(this.#byInstance.get(instance) ?? [])];
  }

  /** The sessions of a user. */
  ofUser(user: string): readonly OpenSession[] {
    return [...(this.#byUser.get(user) ?? [])];
  }

  /** All of them. */
  all(): readonly OpenSession[] {
    return [...this.#sessions.values()];
  }

  /** Ids of the users with an open session. */
  users(): readonly string[] {
    return [...this.#byUser.keys()];
  }
}

function index(map: Map<string, Set<OpenSession>>, key: string, session: OpenSession): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([session]));
  else set.add(session);
}

function unindex(map: Map<string, Set<OpenSession>>, key: string, session: OpenSession): void {
  const set = map.get(key);
  set?.delete(session);
  if (set?.size === 0) map.delete(key);
}
