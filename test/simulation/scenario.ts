import { SimulatedRandom } from "@carillon/server/testing";
import { KINDS } from "./kinds/kinds.ts";
import { drawSetting, type Setting } from "./setting.ts";

/** Something that happens: what, when, to whom, and how much of it. Numbers, which each kind reads in its own way. */
export interface Happening {
  readonly index: number;
  readonly atMs: number;
  readonly kind: string;
  readonly who: number;
  readonly what: number;
  readonly amount: number;
}

/** A whole scenario. */
export interface Scenario {
  readonly seed: number;
  readonly setting: Setting;
  readonly happenings: readonly Happening[];
}

/** What `who`, `what` and `amount` are below. */
const NUMBERS = 1_000;

/** How much smaller everything is where each second is waited for: the time in which things happen, and how long each lasts. */
const REAL_SCALE = 4;

/** Draws the scenario of a seed; `count` happenings, or as many as it wants. */
export function drawScenario(seed: number, count: number | null, isReal: boolean = false): Scenario {
  const random = new SimulatedRandom(seed).fork("scenario");
  const setting = isReal ? inRealTime(drawSetting(random), random) : drawSetting(random);
  const kinds = KINDS.filter(({ share }) => random.chance(share));
  const draws = kinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind.name));
  const wanted = count ?? random.int(10, 70);
  const times = Array.from({ length: wanted }, () => random.int(0, setting.lengthMs)).sort((one, other) => one - other);
  const happenings = times.map((atMs, index) => ({
    index,
    atMs,
    kind: random.pick(draws) ?? "publish",
    who: random.int(0, NUMBERS - 1),
    what: random.int(0, NUMBERS - 1),
    amount: Math.floor(random.int(0, NUMBERS - 1) / (isReal ? REAL_SCALE : 1)),
  }));
  return { seed, setting, happenings };
}

/** A setting for the real clock: a cluster each time, since that is what it is for. */
function inRealTime(setting: Setting, random: SimulatedRandom): Setting {
  const servers = random.int(2, 4);
  return {
    ...setting,
    servers,
    clients: Math.min(setting.clients, 8),
    lengthMs: setting.lengthMs / REAL_SCALE,
    skewsMs: Array.from({ length: servers }, (_, slot) => setting.skewsMs[slot] ?? 0),
    lifetimeMs: setting.lifetimeMs === null ? null : setting.lifetimeMs / 2,
  };
}

/** The same with some of its happenings. */
export function only(scenario: Scenario, kept: ReadonlySet<number>): Scenario {
  return { ...scenario, happenings: scenario.happenings.filter(({ index }) => kept.has(index)) };
}

/** A happening as a person reads it. */
export function tellHappening({ index, atMs, kind, who, what, amount }: Happening): string {
  return `${String(index).padStart(3)}  ${(atMs / 1_000).toFixed(2).padStart(6)} s  ${kind} (${who}, ${what}, ${amount})`;
}
