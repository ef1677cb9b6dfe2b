import {
  SimulatedBroker,
  SimulatedWorld,
  type Faults,
  type Limits,
  type Truth,
  type World,
} from "@carillon/server/testing";
import type { Broker } from "./broker.ts";
import { AT_ONCE, type Docket } from "./docket.ts";
import type { Scenario } from "./scenario.ts";
import { LEASE_MS, LIMITS } from "./setting.ts";

/** How long a run waits for what has to happen, in milliseconds. */
export interface Pace {
  /** Everything must have come to rest this long after the last trouble. */
  readonly settleMaxMs: number;
  /** How often that is looked at. */
  readonly stepMs: number;
  /** So long everything has to stay at rest before it is believed. */
  readonly restMs: number;
  /** Nothing may be left of those who have gone after this long. */
  readonly leaveMaxMs: number;
}

/** Where a scenario is played: time, limits, and what the nodes share. */
export interface House {
  readonly world: World;
  readonly limits: Limits;
  readonly pace: Pace;
  /** Opens what the nodes share; `truth` is told what becomes durable in it. */
  openBroker(truth: Truth): Promise<Broker>;
  docket(): Docket;
}

const PACE: Pace = { settleMaxMs: 120_000, stepMs: 1_000, restMs: 3_000, leaveMaxMs: 60_000 };

/** Everything in one process, on a virtual clock. */
export function virtualHouse({ seed, setting }: Scenario, faults: Faults, isTraced: boolean): House {
  const world = new SimulatedWorld({ seed, isTraced });
  return {
    world,
    limits: LIMITS,
    pace: PACE,
    openBroker: async (witness) =>
      new SimulatedBroker({
        world,
        limits: LIMITS,
        faults,
        witness,
        delayMaxMs: setting.brokerDelayMaxMs,
        commitMaxMs: setting.commitMaxMs,
        leaseMs: LEASE_MS,
      }),
    docket: () => AT_ONCE,
  };
}
