import type { CarillonError } from "@carillon/protocol";
import type { Ports } from "../core/ports.ts";
import { SmallMap } from "../core/small-map.ts";
import { NO_GRANT, sharedGrant, type ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Hooks, Identity } from "./host.ts";

/** For so long a grant that was not enough is not asked for again: a rule must not be called for each refused command. */
const REFUSED_MS = 1_000;

/**
 * The grants of one session, asked once per channel: a publish must not cost a call of the application. Over the bound,
 * those that were not used for longest are forgotten, and asked again. A presence channel has the grant of its parent,
 * seen from its own side.
 *
 * A grant that is not enough for what is asked, or for what the store was asked then, is asked for again, at most once a
 * second for each channel: a permission that was given is in force then, without anybody being told.
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
  readonly #ports: Pick<Ports, "monotonicMs">;
  readonly #halfMax: number;
  /** Until when the grants of channels that were not enough are in force. Null: there are none. */
  #refusedUntil: SmallMap<number> | null = null;
  /** Counts what was forgotten: answers that were asked for before may be out of date. */
  #forgotten = 0;

  constructor(identity: Identity, hooks: Hooks, ports: Pick<Ports, "monotonicMs">, max: number) {
    this.#ports = ports;
    this.#identity = identity;
    this.#hooks = hooks;
    this.#halfMax = Math.ceil(max / 2);
  }

  /** The grant for a target. `isEnough`: of one that is remembered; otherwise the application is asked, now and then. */
  get(
    target: Target,
    isEnough: (grant: ResolvedGrant, target: Target) => boolean,
    done: (grant: ResolvedGrant | CarillonError) => void,
  ): void {
    const { grantedBy: channel } = target;
    const remembered = this.#known(channel);
    const known = remembered === undefined ? null : seenFrom(target, remembered);
    const until = this.#refusedUntil?.get(channel);
    const isInForce = until !== undefined && until > this.#ports.monotonicMs();
    if (known !== null && (isInForce || (until === undefined && isEnough(known, target)))) return done(known);
    const asked = this.#forgotten;
    this.#hooks.authorize(this.#identity, target, (grant) => {
      // A permission was taken away while the application was asked, and its answer may be of before (P7).
      if (asked !== this.#forgotten) return this.get(target, isEnough, done);
      if (!("subscribe" in grant)) {
        // What was allowed stays so while the application can't say more.
        const isAllowed = known !== null && isEnough(known, target);
        if (isAllowed) this.#refuse(channel);
        return done(isAllowed ? known : grant);
      }
      this.#remember(channel, grant);
      this.#refusedUntil?.delete(channel);
      const seen = seenFrom(target, grant);
      if (!isEnough(seen, target)) this.#refuse(channel);
      done(seen);
    });
  }

  /** The store has refused a command that the grant allowed in part: what belongs to somebody else. */
  notEnough({ grantedBy: channel }: Target): void {
    if (this.#refusedUntil?.has(channel) !== true) this.#refuse(channel);
  }

  /** Forgets a channel's grant: the permission has changed. */
  forget(channel: string): void {
    this.#grants.delete(channel);
    this.#grantsBefore?.delete(channel);
    this.#refusedUntil?.delete(channel);
    this.#forgotten++;
  }

  #refuse(channel: string): void {
    // Those who are refused in so many channels are asked about again: no more often than in channels they never asked for.
    if (this.#refusedUntil === null || this.#refusedUntil.size >= this.#halfMax) this.#refusedUntil = new SmallMap();
    this.#refusedUntil.set(channel, this.#ports.monotonicMs() + REFUSED_MS);
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
