import type { MemoryConnection } from "@carillon/server/testing";

/** When and how a session ended. */
export interface Ending {
  readonly atMs: number;
  readonly isClean: boolean;
}

interface Known {
  readonly instance: string;
  end: Ending | null;
}

/** The sessions that a node has had, whether or not their clients heard of them. */
export class SessionBook {
  readonly #sessions = new Map<string, Known>();
  readonly #byConnection = new Map<MemoryConnection, string>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  opened(session: string, instance: string, connection: MemoryConnection): void {
    this.#sessions.set(session, { instance, end: null });
    this.#byConnection.set(connection, session);
  }

  /** The server end of a connection is over. */
  ended(connection: MemoryConnection, isClean: boolean): void {
    const session = this.#sessions.get(this.#byConnection.get(connection) ?? "");
    if (session === undefined || session.end !== null) return;
    session.end = { atMs: this.#nowMs(), isClean };
    if (!isClean) return;
    // Who leaves cleanly leaves with everything: no earlier session of the instance has a grace any more.
    for (const other of this.#sessions.values()) {
      if (other.instance === session.instance && other.end !== null) other.end = session.end;
    }
  }

  /** Null while the session is open, or if it never was. */
  endOf(session: string): Ending | null {
    return this.#sessions.get(session)?.end ?? null;
  }
}
