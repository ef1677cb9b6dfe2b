/**
 * What a user may do in a channel. Everything that is absent is denied; `history` and `presence` follow `subscribe`
 * unless they are given. The rules of a pattern return it, once per session and channel.
 */
export interface Grant {
  /** Receive what is published or set from now on, and recover it after an absence. */
  readonly subscribe?: boolean;
  /** Publish to a log channel. */
  readonly publish?: boolean;
  /** Change or erase publications: one's own (by user), or anybody's. */
  readonly amend?: "own" | "any" | boolean;
  /** Read what was published before. */
  readonly history?: boolean;
  /** See who is here. */
  readonly presence?: boolean;
  /** Be seen here. Default: as `subscribe`. */
  readonly enter?: boolean;
  /** Set and remove entries of a state channel: one's own (by instance), or anybody's. `true` means `own`. */
  readonly set?: "own" | "any" | boolean;
}

/** A grant with nothing left open. */
export interface ResolvedGrant {
  readonly subscribe: boolean;
  readonly publish: boolean;
  readonly amend: "own" | "any" | null;
  readonly history: boolean;
  readonly presence: boolean;
  readonly enter: boolean;
  readonly set: "own" | "any" | null;
}

/** Denies everything: what an absent rule grants. */
export const NO_GRANT: ResolvedGrant = resolveGrant({});

/** Fills in what a rule left open. `true` means everything a reader and writer of good will needs: own things only. */
export function resolveGrant(grant: Grant | boolean): ResolvedGrant {
  if (typeof grant === "boolean") {
    return resolveGrant(grant ? { subscribe: true, publish: true, amend: "own", set: "own" } : {});
  }
  const subscribe = grant.subscribe === true;
  return {
    subscribe,
    publish: grant.publish === true,
    amend: grant.amend === true ? "own" : grant.amend || null,
    history: grant.history ?? subscribe,
    presence: grant.presence ?? subscribe,
    enter: grant.enter ?? subscribe,
    set: grant.set === true ? "own" : grant.set || null,
  };
}
