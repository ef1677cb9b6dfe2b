import type { CrowdFindings } from "./crowd-config.ts";
import { spread, type DrillResult } from "./drill.ts";
import type { PresenceChange } from "./presence-watch.ts";

/** What one crash came to. Times are of `Date.now()`. */
export interface CrashOutcome {
  readonly shape: "all come back" | "half never come back";
  readonly killedAt: number;
  /** Everybody who was there; those who never come back are last. */
  readonly members: readonly string[];
  /** How many never come back. */
  readonly gone: number;
  /** Who was there 5 s after the kill, and some time later, as each watch was told. */
  readonly atFive: readonly ReadonlySet<string>[];
  readonly later: readonly ReadonlySet<string>[];
  /** What each watch was told since the kill. */
  readonly changes: readonly (readonly PresenceChange[])[];
  readonly published: number;
  /** Publications that were not stored. */
  readonly unstored: number;
  /** Of those who come back. */
  readonly findings: CrowdFindings;
  readonly errors: readonly string[];
}

/**
 * Whoever is back so soon must not have been missed by anybody: what a node leaves behind begins to end 3.8 s after its last
 * beat, which may have been 0.4 s before the kill; the rest is for the way of whoever comes back.
 */
const IN_TIME_MS = 3_250;
/** Whoever comes back, is back within this time: the backoff of the first attempts, and a node that lets thousands in. */
const BACK_MS = 5_000;

/** The table and the bars. */
export function crashReport(outcomes: readonly CrashOutcome[]): DrillResult {
  const parts = outcomes.map(partOf);
  return { rows: parts.flatMap(({ rows }) => rows), misses: parts.flatMap(({ misses }) => misses) };
}

function partOf(outcome: CrashOutcome): DrillResult {
  const { shape, members, gone, killedAt, findings, published, unstored, errors } = outcome;
  const { absences, lost, repeated, reordered, delivered, examples } = findings;
  const { never, missing, ends, flickers, lateFlickers } = presenceOf(outcome);
  const back = absences.flatMap(({ backAt }) => (backAt === null ? [] : [backAt - killedAt]));
  const tries = absences.map(({ attempts }) => attempts);
  const slow = back.filter((ms) => ms > BACK_MS).length;
  const expected = members.length - gone;
  const say = (sentence: string): string => `${shape}: ${sentence}`;
  return {
    rows: [
      [shape, `${members.length} members of the killed node, ${gone} of them never come back`],
      [
        "  back on another node",
        `${back.length} of ${expected}: ${spread(back)}; at most ${Math.max(0, ...tries)} attempts`,
      ],
      [
        "  back to first delivery",
        spread(absences.flatMap(({ againAt }) => (againAt === null ? [] : [againAt - killedAt]))),
      ],
      ["  leaves of those gone", spread(ends)],
      [
        "  leaves of those in time",
        `${flickers}; of the ${back.filter((ms) => ms > IN_TIME_MS).length} who were back later than ${IN_TIME_MS} ms: ${lateFlickers}`,
      ],
      ["  wrong after 5 s", `${never} still there, ${missing} not there`],
      ["  published; delivered", `${published}, ${unstored} not stored; ${delivered}`],
      ["  lost/repeated/reordered", `${lost} / ${repeated} / ${reordered}`],
    ],
    misses: [
      ...(never > 0 ? [say(`${never} never come back and are still there 5 s after the kill`)] : []),
      ...(missing > 0 ? [say(`${missing} are back and not there 5 s after the kill`)] : []),
      ...(flickers > 0 ? [say(`${flickers} left for others although they were back in time`)] : []),
      ...(back.length < expected ? [say(`${expected - back.length} are not back`)] : []),
      ...(slow > 0 ? [say(`${slow} were back later than ${BACK_MS} ms after the kill`)] : []),
      ...(lost + repeated + reordered > 0
        ? [say(`lost, repeated or reordered: ${lost}, ${repeated}, ${reordered}`), ...examples.slice(0, 3)]
        : []),
      ...(unstored > 0 ? [say(`${unstored} publishes to a node that lives were not stored`)] : []),
      ...errors.slice(0, 5).map((line) => say(`a node logged: ${line}`)),
    ],
  };
}

/** What watches were told of those who were there, the worst of them. */
function presenceOf({ members, gone, atFive, changes, killedAt, findings }: CrashOutcome) {
  const leaving = new Set(members.slice(members.length - gone));
  const inTime = new Set(
    findings.absences
      .filter(({ backAt }) => backAt !== null && backAt - killedAt <= IN_TIME_MS)
      .map(({ client }) => client),
  );
  const most = (counts: readonly number[]): number => Math.max(0, ...counts);
  const count = (users: Iterable<string>, isCounted: (user: string) => boolean): number =>
    [...users].filter(isCounted).length;
  const leaves = changes.map((list) => list.filter(({ what }) => what === "leave"));
  return {
    never: most(atFive.map((users) => count(users, (user) => leaving.has(user)))),
    missing: most(atFive.map((users) => count(inTime, (user) => !users.has(user)))),
    ends: leaves.flatMap((list) => list.filter(({ user }) => leaving.has(user)).map(({ at }) => at - killedAt)),
    flickers: most(leaves.map((list) => list.filter(({ user }) => inTime.has(user)).length)),
    lateFlickers: most(leaves.map((list) => list.filter(({ user }) => !inTime.has(user) && !leaving.has(user)).length)),
  };
}
