import type { CarillonError } from "@carillon/protocol";
import { NO_GRANT, type ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Hooks, Identity } from "./host.ts";

/**
 * The grants of one session, asked once per channel: a publish must not cost a call of the application. The oldest is
 * forgotten over the bound, and asked again. A presence channel has the grant of its parent, seen from its own side.
 */
export class GrantCache {
  readonly #grants = new Map<string, ResolvedGrant>();
  readonly #identity: Identity;
  readonly #hooks: Hooks;
  readonly #max: number;

  constructor(identity: Identity, hooks: Hooks, max: number) {
    this.#identity = identity;
    this.#hooks = hooks;
    this.#max = max;
  }

  /** The grant for a target. */
  get(target: Target, done: (grant: ResolvedGrant | CarillonError) => void): void {
    const known = this.#grants.get(target.grantedBy);
    if (known !== undefined) return done(seenFrom(target, known));
    this.#hooks.authorize(this.#identity, target, (grant) => {
      if (!("subscribe" in grant)) return done(grant);
      const [oldest] = this.#grants.keys();
      if (this.#grants.size >= this.#max && oldest !== undefined) this.#grants.delete(oldest);
      this.#grants.set(target.grantedBy, grant);
      done(seenFrom(target, grant));
    });
  }

  /** Forgets a channel's grant: the permission has changed. */
  forget(channel: string): void {
    this.#grants.delete(channel);
  }
}

function seenFrom(target: Target, grant: ResolvedGrant): ResolvedGrant {
  if (!target.isPresence) return grant;
  return {
    ...NO_GRANT,
    subscribe: grant.presence,
    presence: grant.presence,
    enter: grant.enter,
    set: grant.enter ? "own" : null,
  };
}
