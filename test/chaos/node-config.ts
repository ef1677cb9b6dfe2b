import type { NodeBackplane } from "./node-backplane.ts";
import type { PlantedFault } from "./planted-faults.ts";

/** The exit code of a node that could not reach its broker: it may be started again. */
export const UNREACHABLE_EXIT = 75;

/** What a node is started with. */
export interface NodeConfig {
  readonly backplane: NodeBackplane;
  /** Empty for a sound one. */
  readonly faults: readonly PlantedFault[];
}

/** What it says when it serves. */
export interface NodeReady {
  readonly port: number;
}
