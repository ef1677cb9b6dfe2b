import type { CarillonError } from "@carillon/protocol";
import { SmallMap } from "../core/small-map.ts";
import { NO_GRANT, sharedGrant, type ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Hooks, Identity } from "./host.ts";

/**
 * The grants of one session, asked once per channel: a publish must not cost a call of the application. The oldest is
 * forgotten over the bound, and asked again. A presence channel has the grant of its parent, seen from its own side.
 */
export class GrantCache {
  readonly #grants = new SmallMap<ResolvedGrant>();
  readonly #identity: Identity;
  readonly #hooks: Hooks;
  readonly #max: number;
  /** Counts what was forgotten: answers that were asked for before may be out of date. */
  #forgotten = 0;

  constructor(identity: Identity, hooks: Hooks, max: number) {
    this.#identity = identity;
    this.#hooks = hooks;
    this.#max = max;
  }

  /** The grant for a target. */
  get(target: Target, done: (grant: ResolvedGrant | CarillonError) => void): void {
    const known = this.#grants.get(target.grantedBy);
    if (known !== undefined) return done(seenFrom(target, known));
    const asked = this.#forgotten;
    this.#hooks.authorize(this.#identity, target, (grant) => {
      // A permission was taken away while the application was asked, and its answer may be of before (P7).
      if (asked !== this.#forgotten) return this.get(target, done);
      if (!("subscribe" in grant)) return done(grant);
      if (this.#grants.size >= this.#max) this.#grants.delete(this.#grants.entries()[0]?.[0] ?? "");
      this.#grants.set(target.grantedBy, grant);
      done(seenFrom(target, grant));
    });
  }

  /** Forgets a channel's grant: the permission has changed. */
  forget(channel: string): void {
    this.#grants.delete(channel);
    this.#forgotten++;
  }
}

function seenFrom(target: Target, grant: ResolvedGrant): ResolvedGrant {
  if (!target.isPresence) return grant;
  return sharedGrant({
    ...NO_GRANT,
    subscribe: grant.presence,
    presence: grant.presence,
    enter: grant.enter,
    set: grant.enter ? "own" : null,
  });
}
