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

/** Fills in what a rule left open. `true` means everything a reader and writer of good will needs: own things only. */
export function resolveGrant(grant: Grant | boolean): ResolvedGrant {
  if (typeof grant === "boolean") {
    return resolveGrant(grant ? { subscribe: true, publish: true, amend: "own", set: "own" } : {});
  }
  const subscribe = grant.subscribe === true;
  return sharedGrant({
    subscribe,
    publish: grant.publish === true,
    amend: grant.amend === true ? "own" : grant.amend || null,
    history: grant.history ?? subscribe,
    presence: grant.presence ?? subscribe,
    enter: grant.enter ?? subscribe,
    set: grant.set === true ? "own" : grant.set || null,
  });
}

/** The one object with these fields: every session keeps a grant for each of its channels, and there are only 288. */
export function sharedGrant({
  subscribe,
  publish,
  amend,
  history,
  presence,
  enter,
  set,
}: ResolvedGrant): ResolvedGrant {
  // Numbers, so that what a rule without types got wrong is no grant at all, instead of a truthy one.
  const flags =
    Number(subscribe) * 16 + Number(publish) * 8 + Number(history) * 4 + Number(presence) * 2 + Number(enter);
  return GRANTS[flags]![REACHES.indexOf(amend)]![REACHES.indexOf(set)]!;
}

const REACHES = [null, "own", "any"] as const;

const GRANTS: readonly (readonly (readonly ResolvedGrant[])[])[] = Array.from({ length: 32 }, (_, flags) => {
  const isSet = (bit: number): boolean => (flags & bit) !== 0;
  const [subscribe, publish, history, presence, enter] = [isSet(16), isSet(8), isSet(4), isSet(2), isSet(1)];
  return REACHES.map((amend) =>
    REACHES.map((set) => Object.freeze({ subscribe, publish, amend, history, presence, enter, set })),
  );
});

/** Denies everything: what an absent rule grants. */
export const NO_GRANT: ResolvedGrant = resolveGrant({});
