import type { Publisher } from "@carillon/protocol";
import type { Identity } from "./host.ts";

/** Who speaks on a session. What only those need who publish is made when it is asked for. */
export class SessionIdentity implements Identity {
  readonly user: { readonly id: string };
  readonly userId: string;
  readonly instance: string;
  readonly term: number;
  #scope: string | null = null;
  #publisher: Publisher | null = null;

  constructor(user: { readonly id: string }, instance: string, term: number) {
    this.user = user;
    this.userId = user.id;
    this.instance = instance;
    this.term = term;
  }

  get scope(): string {
    this.#scope ??= `i:${this.instance}`;
    return this.#scope;
  }

  get publisher(): Publisher {
    this.#publisher ??= { user: this.userId, instance: this.instance };
    return this.#publisher;
  }
}
