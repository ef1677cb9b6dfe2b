import { AVALANCHE } from "./avalanche.ts";
import { CALLS } from "./calls.ts";
import { MANY_CHANNELS } from "./channels.ts";
import { CLUSTER } from "./cluster.ts";
import { CONNECTS } from "./connects.ts";
import { FAN_OUT, FAN_OUT_SINGLE } from "./fan-out.ts";
import { FLOOD } from "./flood.ts";
import { IDLE } from "./idle.ts";
import { JITTER } from "./jitter.ts";
import { ROOMS_TALK } from "./rooms.ts";
import type { Scenario } from "./scenario.ts";
import { STORM } from "./storm.ts";
import { TICKS } from "./ticks.ts";

/** All scenarios, in the order of their numbers. */
export const SCENARIOS: readonly Scenario[] = [
  FAN_OUT,
  FAN_OUT_SINGLE,
  FLOOD,
  ROOMS_TALK,
  JITTER,
  AVALANCHE,
  IDLE,
  CONNECTS,
  CALLS,
  STORM,
  MANY_CHANNELS,
  TICKS,
  CLUSTER,
];
