import { Targets, type Limits } from "@carillon/server/testing";
import type { ChannelOptions } from "@carillon/server/backplane";
import { PatientDocket } from "../docket.ts";
import type { House, Pace } from "../house.ts";
import { playIn, type RunOptions, type RunResult } from "../run-seed.ts";
import type { Scenario } from "../scenario.ts";
import { CONTRACT, LIMITS, LOGS, PRESENCE, STATES } from "../setting.ts";
import { startBroker, type RealBackplane } from "./broker-server.ts";
import { RealBroker } from "./real-broker.ts";
import { RealWorld } from "./real-world.ts";

const PACE: Pace = { settleMaxMs: 60_000, stepMs: 250, restMs: 2_500, leaveMaxMs: 30_000 };

/** The bounds of time are shorter than in a virtual world, since each is waited for. */
const REAL_LIMITS: Limits = {
  ...LIMITS,
  heartbeatMs: 2_000,
  stallTimeoutMs: 6_000,
  graceMs: 2_500,
};

/** Every channel of the contract that a scenario uses, as stores know them. */
function channelsOf(): ReadonlyMap<string, ChannelOptions> {
  const targets = new Targets(CONTRACT);
  return new Map(
    [...LOGS, ...STATES, PRESENCE].map((channel) => {
      const target = targets.find(channel);
      if (target === null) throw new Error(`Expected ${channel} in the contract.`);
      return [channel, target.options];
    }),
  );
}

/** Plays a scenario over a real broker, on the real clock. */
export async function playReal(kind: RealBackplane, scenario: Scenario, options: RunOptions): Promise<RunResult> {
  const server = await startBroker(kind);
  const world = new RealWorld(scenario.seed);
  const opened: RealBroker[] = [];
  const house: House = {
    world,
    limits: REAL_LIMITS,
    pace: PACE,
    openBroker: async (truth) => {
      const broker = new RealBroker({ world, truth, server, channels: channelsOf() });
      opened.push(broker);
      await broker.open();
      return broker;
    },
    docket: () => new PatientDocket(world),
  };
  try {
    return await playIn(house, scenario, options);
  } finally {
    for (const broker of opened) await broker.close();
    world.end();
    await server.dispose();
  }
}
