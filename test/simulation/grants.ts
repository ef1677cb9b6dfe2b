import type { NodeHooks } from "@carillon/server/testing";

type Grant = Exclude<Parameters<Parameters<NodeHooks["authorize"]>[2]>[0], Error>;

/** Everything, or nothing. */
export function grantOf(isAllowed: boolean): Grant {
  return {
    subscribe: isAllowed,
    publish: isAllowed,
    amend: isAllowed ? "own" : null,
    history: isAllowed,
    presence: isAllowed,
    enter: isAllowed,
    set: isAllowed ? "own" : null,
  };
}
