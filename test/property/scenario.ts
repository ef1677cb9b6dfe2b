import fc from "fast-check";
import { DRAWS, NUMBERS } from "./kinds.ts";
import type { Setting } from "./setting.ts";
import type { Simulation } from "./simulation.ts";
import { Stage } from "./stage.ts";

/** A command of a scenario: which, by whom, on what, how much. Numbers, so that drawing and shrinking are cheap. */
type Step = readonly [kind: number, who: number, what: number, amount: number];

/** A whole scenario. */
export interface Scenario {
  readonly setting: Setting;
  readonly steps: readonly Step[];
}

const STEPS_MAX = 90;
const CLIENTS = 3;

/** Draws scenarios. */
export function scenarios(): fc.Arbitrary<Scenario> {
  const setting = fc.record({
    seed: fc.nat(0xffff),
    isStoreLate: fc.boolean(),
    isStoreShaky: fc.nat(3).map((draw) => draw === 3),
    isRuleLate: fc.boolean(),
    bufferBytes: fc.constantFrom(1_000, 300),
    isTight: fc.nat(7).map((draw) => draw === 7),
  });
  const step = fc.tuple(fc.nat(DRAWS.length - 1), fc.nat(CLIENTS - 1), fc.nat(NUMBERS - 1), fc.nat(NUMBERS - 1));
  return fc.record({ setting, steps: fc.array(step, { minLength: 1, maxLength: STEPS_MAX, size: "max" }) });
}

/** Plays a scenario to its end; throws what did not hold. */
export function play(simulation: Simulation, { steps }: Scenario): void {
  const stage = new Stage(simulation);
  for (const client of simulation.clients) {
    client.subscriptions.subscribe("log:a", 0);
    client.subscriptions.subscribe("held:a", 0);
    client.connect();
  }
  simulation.calm();
  for (const [kind, who, what, amount] of steps) {
    const client = simulation.clients[who];
    if (client !== undefined) DRAWS[kind]?.run(stage, client, what, amount);
  }
  simulation.finish();
  simulation.end();
}

/** A scenario as a person reads it. */
export function tell({ setting, steps }: Scenario): string {
  const lines = steps.map(([kind, who, what, amount]) => `c${who} ${DRAWS[kind]?.name} (${what}, ${amount})`);
  return [JSON.stringify(setting), ...lines].join("\n  ");
}
