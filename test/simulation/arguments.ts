import { parseArgs } from "node:util";
import { plantedFault } from "./faults.ts";
import { REAL_BACKPLANES, type RealBackplane } from "./real/broker-server.ts";

/** What was asked for on the command line. */
export interface Arguments {
  /** How many seeds to play. */
  readonly seeds: number;
  /** The first of them. */
  readonly seed: number;
  /** The backplane over a real server; null: a model of one, on a virtual clock. */
  readonly backplane: RealBackplane | null;
  /** Seeds that a process plays side by side on the real clock. */
  readonly atOnce: number;
  /** Name of a planted fault. */
  readonly fault: string | null;
  /** Happenings of a scenario; null: as many as it draws. */
  readonly steps: number | null;
  /** Of one seed: the happenings to keep, by index. */
  readonly keep: readonly number[] | null;
  readonly isTraced: boolean;
  readonly isControls: boolean;
  /** Most seeds that a control may need. */
  readonly controlSeeds: number;
  readonly workers: number;
  /** This process is one of the workers. */
  readonly isWorker: boolean;
}

/** How the command is used. */
export const USAGE = `npm run simulate -- [options]

  --seeds N      play N seeds (default 1000; 1 with --keep or --trace)
  --seed S       start with seed S (default: a fresh one, which is printed)
  --steps N      N happenings in each scenario (default: as drawn)
  --fault F      plant a fault; see --controls
  --keep I,J,…   of the scenario, keep these happenings only
  --trace        print what happened
  --controls     plant each fault in turn and tell after how many seeds it was found
  --workers N    processes that play (default 2)

  --backplane B  on the real clock, over a real server: redis or nats (default: a model on a virtual clock). What happens
                 comes from the seed, but not when exactly: a seed does not do the same twice, and is not made smaller
  --at-once N    seeds that a process plays side by side there (default 10)`;

/** Reads the command line; throws a sentence that says what is wrong with it. */
export function readArguments(args: readonly string[], freshSeed: number): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string" },
      seed: { type: "string" },
      steps: { type: "string" },
      fault: { type: "string" },
      keep: { type: "string" },
      trace: { type: "boolean", default: false },
      controls: { type: "boolean", default: false },
      "control-seeds": { type: "string" },
      workers: { type: "string" },
      backplane: { type: "string" },
      "at-once": { type: "string" },
      worker: { type: "boolean", default: false },
    },
  });
  const isOne = values.keep !== undefined || values.trace;
  const backplane = values.backplane === undefined ? null : realBackplane(values.backplane);
  if (values.fault !== undefined) plantedFault(values.fault);
  return {
    seeds: whole("--seeds", values.seeds, isOne ? 1 : backplane === null ? 1_000 : 100),
    seed: whole("--seed", values.seed, freshSeed),
    steps: values.steps === undefined ? null : whole("--steps", values.steps, 0),
    backplane,
    atOnce: Math.max(1, whole("--at-once", values["at-once"], 10)),
    fault: values.fault ?? null,
    keep: values.keep === undefined ? null : values.keep.split(",").map((index) => whole("--keep", index, 0)),
    isTraced: values.trace,
    isControls: values.controls,
    controlSeeds: whole("--control-seeds", values["control-seeds"], backplane === null ? 3_000 : 60),
    workers: Math.max(1, whole("--workers", values.workers, 2)),
    isWorker: values.worker,
  };
}

function realBackplane(name: string): RealBackplane {
  const found = REAL_BACKPLANES.find((each) => each === name);
  if (found === undefined) throw new Error(`Expected ${REAL_BACKPLANES.join(" or ")} after --backplane, got ${name}.`);
  return found;
}

function whole(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (value.trim() !== "" && Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`Expected a whole number after ${name}, got ${value}.`);
}
