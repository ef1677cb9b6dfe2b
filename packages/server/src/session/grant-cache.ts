import type { CarillonError } from "@carillon/protocol";
import { SmallMap } from "../core/small-map.ts";
import { NO_GRANT, sharedGrant, type ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Hooks, Identity } from "./host.ts";

/**
 * The grants of one session, asked once per channel: a publish must not cost a call of the application. Over the bound,
 * those that were not used for longest are forgotten, and asked again. A presence channel has the grant of its parent,
 * seen from its own side.
 *
 * There are two generations, each of half the bound: to find the oldest of one map would take time in its size, for
 * each command of a session that goes round more channels than the bound.
 */
export class GrantCache {
  #grants = new SmallMap<ResolvedGrant>();
  /** What was remembered until the first half was full: it goes when that is full again, unless it is asked for. */
  #grantsBefore: SmallMap<ResolvedGrant> | null = null;
  readonly #identity: Identity;
  readonly #hooks: Hooks;
  readonly #halfMax: number;
  /** Counts what was forgotten: answers that were asked for before may be out of date. */
  #forgotten = 0;

  constructor(identity: Identity, hooks: Hooks, max: number) {
    this.#identity = identity;
    this.#hooks = hooks;
    this.#halfMax = Math.ceil(max / 2);
  }

  /** The grant for a target. */
  get(target: Target, done: (grant: ResolvedGrant | CarillonError) => void): void {
    const known = this.#known(target.grantedBy);
    if (known !== undefined) return done(seenFrom(target, known));
    const asked = this.#forgotten;
    this.#hooks.authorize(this.#identity, target, (grant) => {
      // A permission was taken away while the application was asked, and its answer may be of before (P7).
      if (asked !== this.#forgotten) return this.get(target, done);
      if (!("subscribe" in grant)) return done(grant);
      this.#remember(target.grantedBy, grant);
      done(seenFrom(target, grant));
    });
  }

  /** Forgets a channel's grant: the permission has changed. */
  forget(channel: string): void {
    this.#grants.delete(channel);
    this.#grantsBefore?.delete(channel);
    this.#forgotten++;
  }

  #known(channel: string): ResolvedGrant | undefined {
    const known = this.#grants.get(channel);
    if (known !== undefined) return known;
    const before = this.#grantsBefore?.get(channel);
    if (before !== undefined) this.#remember(channel, before);
    return before;
  }

  #remember(channel: string, grant: ResolvedGrant): void {
    if (this.#grants.size >= this.#halfMax) {
      this.#grantsBefore = this.#grants;
      this.#grants = new SmallMap();
    }
    this.#grants.set(channel, grant);
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
