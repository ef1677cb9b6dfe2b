import type { Told } from "./follower.ts";
import type { StoredLog } from "./stored-log.ts";

/** What is to be judged: one follower of one channel, in one round. */
export interface RollbackCase {
  /** Who and where, for a sentence. */
  readonly name: string;
  /** The id that stood last in the log when the round began; it was followed up to there. Empty: none. */
  readonly before: string;
  /** What was told in the round, in order. */
  readonly told: readonly Told[];
  readonly breaks: number;
  /** Where it is now. */
  readonly position: string | null;
  /** What is stored now. Nobody publishes any more, and everybody has had time. */
  readonly stored: StoredLog;
  /** When the broker could be reached again. */
  readonly restoredAt: number;
  /** When it came back with its position, and what it was told then; null: it was there all the time. */
  readonly back: { readonly at: number; readonly pos: string; readonly live: boolean } | null;
}

/** The verdict. */
export interface RollbackVerdict {
  /** It had been told of publications that are gone. */
  readonly isAffected: boolean;
  /** Milliseconds until it was told of that; null: never, or it is not affected. */
  readonly toldMs: number | null;
  /** The reason that it was given. */
  readonly reason: string | null;
  /** What is wrong, a sentence; null: nothing. */
  readonly wrong: string | null;
  /** It came back before its server had found out, and was let in as one who is live; then it was told like those. */
  readonly wasEarly: boolean;
  /** Its position has the epoch of the log that was put back and an offset that this log has, too. */
  readonly wouldFit: boolean;
}

// Positions are opaque; who knows how these are made may say what others would have gone by.
const epochOf = (position: string): string => position.split(".")[0] ?? "";
const offsetOf = (position: string): number => Number.parseInt(position.split(".")[1] ?? "", 36);

/** True if a check of epoch and offset alone takes a position for one of the log that ends at `top`. */
function fitsPlainly(position: string, top: string): boolean {
  return epochOf(position) === epochOf(top) && offsetOf(position) <= offsetOf(top);
}

/** Judges what a follower was told about a log that went back under it. Knows nothing of the server but what it said. */
export function judgeRollback(one: RollbackCase): RollbackVerdict {
  const { told, stored, restoredAt, back, name } = one;
  const kept = new Set(stored.ids);
  const lost = told.findLastIndex((event) => event.what === "item" && !kept.has(event.id));
  const isAffected = lost !== -1;
  const gap = told.find((event, index) => event.what === "gap" && event.at >= restoredAt && index > lost);
  const since = Math.max(restoredAt, back?.at ?? restoredAt);
  const from = gap?.what === "gap" ? gap.from : null;
  return {
    isAffected,
    toldMs: isAffected && gap !== undefined ? gap.at - since : null,
    reason: isAffected && gap?.what === "gap" ? gap.reason : null,
    wrong: wrongWith(one, { lost, isAffected, hasGap: gap !== undefined, name }),
    wasEarly: isAffected && back?.live === true,
    wouldFit: isAffected && fitsPlainly(from ?? one.position ?? "", back?.pos ?? stored.pos),
  };
}

interface Findings {
  readonly lost: number;
  readonly isAffected: boolean;
  readonly hasGap: boolean;
  readonly name: string;
}

function wrongWith(one: RollbackCase, { lost, isAffected, hasGap, name }: Findings): string | null {
  const { told, stored, breaks, position, back, restoredAt } = one;
  if (isAffected && !hasGap)
    return back?.live === true
      ? `false recovery: ${name} was told that nothing was missed`
      : `false recovery: ${name} goes on over publications that are gone, and is not told`;
  const firstGap = told.findIndex((event) => event.what === "gap" && event.at >= restoredAt);
  const early = told.findIndex((event, index) => index > lost && event.what === "item" && event.at >= restoredAt);
  if (isAffected && early !== -1 && early < firstGap)
    return `false recovery: ${name} got something new before it was told`;
  if (breaks > 0) return `${name}: a push does not start where the one before ended`;
  const lastGap = told.findLastIndex((event) => event.what === "gap");
  const rest = told.slice(lastGap + 1).flatMap((event) => (event.what === "item" ? [event.id] : []));
  const begin = lastGap === -1 ? stored.ids.indexOf(one.before) + 1 : stored.ids.length - rest.length;
  const expected = stored.ids.slice(Math.max(0, begin));
  if (rest.length !== expected.length || rest.some((id, index) => id !== expected[index]))
    return `${name} was told of ${rest.length} publications that are not the last ${expected.length} of the log`;
  return position === stored.pos ? null : `${name} has not come to the end of the log`;
}
