import type { connect } from "@carillon/client";
import type { Faults } from "@carillon/server/testing";
import { Truth, withoutAmbient, type World } from "@carillon/server/testing";
import { Checker, type Violation } from "./checker.ts";
import type { Kind } from "./kinds/kind.ts";
import { KINDS } from "./kinds/kinds.ts";
import type { Scenario } from "./scenario.ts";
import { PRESENCE, ROOM } from "./setting.ts";
import { Stage } from "./stage.ts";
import { virtualHouse, type House, type Pace } from "./house.ts";

/** What became of one run. */
export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | null;
  /** The same for the same scenario, or the run is not deterministic. */
  readonly hash: string;
  readonly steps: number;
  readonly virtualMs: number;
  /** How often what happened. */
  readonly counts: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

/** Settings of a run. */
export interface RunOptions {
  readonly connect: typeof connect;
  readonly faults: Faults;
  readonly isTraced?: boolean;
}

/** Events that come later than this make a step that does not count, up to the second moment of a run. */
const LATE_MS = 300;
const PATIENCE_MS = 400_000;
/** Events of one run at most: two parties that keep each other busy for ever must not hang it. */
const STEPS_MAX = 400_000;

const KINDS_BY_NAME: ReadonlyMap<string, Kind> = new Map(KINDS.map((kind) => [kind.name, kind]));

/** Plays a scenario on a virtual clock to its end, or to the first promise that does not hold. */
export function runScenario(scenario: Scenario, options: RunOptions): Promise<RunResult> {
  return withoutAmbient(() =>
    playIn(virtualHouse(scenario, options.faults, options.isTraced ?? false), scenario, options),
  );
}

/** Plays a scenario in a house to its end, or to the first promise that does not hold. */
export async function playIn(house: House, scenario: Scenario, { connect, faults }: RunOptions): Promise<RunResult> {
  const { world } = house;
  const checker = new Checker(world);
  const truth = new Truth(world, (what) => checker.fail("broken", what));
  const stage = new Stage(scenario, { connect, faults, house, checker, truth, broker: await house.openBroker(truth) });
  for (const { atMs, kind, who, what, amount } of scenario.happenings) {
    world.after(atMs, () => {
      const page = stage.pages[who % stage.pages.length];
      if (page === undefined || page.isGone) return;
      world.note(`> ${kind} (${who % stage.pages.length}, ${what}, ${amount})`);
      KINDS_BY_NAME.get(kind)?.run(stage, page, what, amount);
    });
  }
  const isOver = (): boolean => {
    if (world.steps > STEPS_MAX) checker.fail("stuck", `no rest within ${STEPS_MAX} events`);
    return checker.hasFailed;
  };
  await world.run(scenario.setting.lengthMs, isOver);
  if (!checker.hasFailed) await settle(stage, house.pace, isOver);
  if (!checker.hasFailed) finish(stage);
  if (!checker.hasFailed) await leave(stage, house.pace, isOver);
  stage.countMetrics();
  const { steps, hash, counts, trace, nowMs } = world;
  const [violation = null] = checker.violations;
  return { seed: scenario.seed, violation, hash, steps, virtualMs: nowMs, counts, trace: trace ?? [] };
}

/** What a step counts: on a machine that has no time for the run, nothing, but not for ever. */
function counted({ lateMs, nowMs }: World, { stepMs }: Pace): number {
  return lateMs > LATE_MS && nowMs < PATIENCE_MS ? 0 : stepMs;
}

/** All trouble ends; everybody has to find back to what is true. */
async function settle(stage: Stage, pace: Pace, isOver: () => boolean): Promise<void> {
  const { world, checker } = stage;
  world.note("> all trouble ends");
  stage.network.heal();
  stage.broker.calm();
  let restMs = 0;
  for (let waitedMs = pace.stepMs; ; waitedMs += counted(world, pace)) {
    for (const page of stage.pages) page.comeBack();
    await world.run(world.nowMs + pace.stepMs, isOver);
    if (checker.hasFailed) return;
    const problems = unsettled(stage);
    restMs = problems.length === 0 ? restMs + pace.stepMs : 0;
    if (restMs >= pace.restMs) return;
    if (waitedMs < pace.settleMaxMs) continue;
    const [problem = ""] = problems;
    const kind = problem.includes("publish of") || problem.includes(":") ? "stuck" : "presence";
    checker.fail(kind, `after ${pace.settleMaxMs / 1_000} s of rest: ${problems.slice(0, 4).join("; ")}`);
    return;
  }
}

/** What is not yet as it must be. */
function unsettled(stage: Stage): string[] {
  return [...stage.pages.flatMap((page) => page.unsettled()), ...stage.outcomes.open(), ...presenceProblems(stage)];
}

/** In the room are those who want to be, and nobody else. */
function presenceProblems({ pages, truth, permissions }: Stage): string[] {
  // That an old copy of the store was put back is no excuse: nodes set again what their sessions own, and end the rest.
  const room = truth.channels.get(PRESENCE);
  if (room === undefined) return [];
  const possible = pages.filter(({ isPresent, isGone }) => isPresent !== false && !isGone);
  const members = room.entries();
  const problems = possible.flatMap(({ name, instance, user, isPresent }) => {
    const isExpected = isPresent === true && permissions.allows(user, ROOM);
    return isExpected && instance !== null && !members.has(instance) ? [`presence lacks ${name}`] : [];
  });
  const ghosts = [...members.keys()].filter((member) => !possible.some(({ instance }) => instance === member));
  return [...problems, ...ghosts.map((ghost) => `presence has the ghost ${ghost}`)];
}

function finish(stage: Stage): void {
  stage.world.note("> everything is at rest");
  for (const page of stage.pages) {
    if (page.isGone) continue;
    for (const [channel, view] of page.logs) {
      if (!page.wanted.has(channel) || !stage.permissions.allows(page.user, channel)) continue;
      view.at(page.channel(channel).position);
      view.finish();
    }
  }
  stage.outcomes.finish();
}

/** Everybody leaves, one way or another, and nothing is left of them. */
async function leave(stage: Stage, pace: Pace, isOver: () => boolean): Promise<void> {
  const { world, checker, pages, servers, broker, truth } = stage;
  world.note("> everybody leaves");
  pages.forEach((page, index) => {
    page.hasLeft = true;
    if (index % 2 === 0) page.client.disconnect();
    else page.vanish(index % 4 === 1);
  });
  for (let waitedMs = pace.stepMs; ; waitedMs += counted(world, pace)) {
    await world.run(world.nowMs + pace.stepMs, isOver);
    if (checker.hasFailed) return;
    const left = servers.flatMap((server) => [
      ...server.holdings().map((holding) => `${server.name} holds ${holding}`),
      ...(broker.linkOf(server.machine)?.subscriptions ? [`${server.name} is still told of channels`] : []),
    ]);
    for (const channel of [PRESENCE, "held:a"]) {
      const state = truth.channels.get(channel);
      const count = state === undefined ? 0 : state.entries().size;
      if (count > 0) left.push(`${channel} has ${count} entries of nobody`);
    }
    left.push(...stage.outcomes.open());
    if (left.length === 0) return;
    if (waitedMs < pace.leaveMaxMs) continue;
    checker.fail("leak", `after everybody has left: ${left.join("; ")}`);
    return;
  }
}
