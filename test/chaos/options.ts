import { parseArgs } from "node:util";
import { BROKERS } from "./brokers.ts";
import type { PlantedFault } from "./planted-faults.ts";

/** Faults that a run can plant, with what the checker has to call them. */
export const CONTROLS: Readonly<Partial<Record<PlantedFault, "lost" | "duplicated" | "reordered" | "silent gaps">>> = {
  "ack-before-append": "lost",
  "no-dedup": "duplicated",
  "reversed-batches": "reordered",
  "no-catching-up": "silent gaps",
  "hidden-hole": "silent gaps",
  "swallowed-live": "lost",
};

/** Settings of a run. */
export interface ChaosOptions {
  /** SIGKILLs of nodes. */
  readonly kills: number;
  readonly seed: number;
  readonly backplane: string;
  readonly nodes: number;
  /** Log channels that retain everything; with half as many that retain little, and half as many state channels. */
  readonly channels: number;
  /** Client processes. */
  readonly clients: number;
  /** Publishers, over all client processes. */
  readonly publishers: number;
  /** Publishes per second of each publisher. */
  readonly rate: number;
  /** Subscribers, over all client processes. */
  readonly subscribers: number;
  readonly faults: readonly PlantedFault[];
  /** Lines between nodes and broker are TCP proxies, although a network namespace could be had. */
  readonly isProxied: boolean;
}

/** What `npm run chaos` does if nothing is said. */
export const DEFAULT_OPTIONS: ChaosOptions = {
  kills: 20,
  seed: 1,
  backplane: "lmdb",
  nodes: 1,
  channels: 4,
  clients: 4,
  publishers: 8,
  rate: 20,
  subscribers: 12,
  faults: [],
  isProxied: false,
};

/** A command of `npm run chaos`. */
export interface Command {
  readonly options: ChaosOptions;
  /** Run each control instead. */
  readonly isControls: boolean;
  /** Say what the options are instead. */
  readonly isHelp: boolean;
  /** Leave the run's folder, with journals and store, where it is. */
  readonly isKept: boolean;
}

export const USAGE = `npm run chaos -- [options]

  --kills n          SIGKILLs of server processes, one every 1 to 3 s (${DEFAULT_OPTIONS.kills})
  --seed n           of everything that is drawn (another one each time)
  --backplane name   ${Object.keys(BROKERS).join(", ")} (${DEFAULT_OPTIONS.backplane})
  --nodes n          server processes at once (${DEFAULT_OPTIONS.nodes})
  --channels n       log channels that retain everything; half as many retain little, half as many hold state (${DEFAULT_OPTIONS.channels})
  --clients n        client processes (${DEFAULT_OPTIONS.clients})
  --publishers n     over all client processes (${DEFAULT_OPTIONS.publishers})
  --rate n           publishes per second of each publisher (${DEFAULT_OPTIONS.rate})
  --subscribers n    over all client processes (${DEFAULT_OPTIONS.subscribers})
  --fault name       break the server on purpose: ${Object.keys(CONTROLS).join(", ")}
  --proxied          cut lines to the broker by TCP proxies, where a network namespace could be had as well
  --controls         a short run with each of these faults; each must be reported
  --keep             leave journals and store where they are`;

const NUMBERS = ["kills", "seed", "nodes", "channels", "clients", "publishers", "rate", "subscribers"] as const;

/** Reads the command line. Throws an error that says what was expected. */
export function parseOptions(args: readonly string[], seedDefault: number): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string" },
      seed: { type: "string" },
      nodes: { type: "string" },
      channels: { type: "string" },
      clients: { type: "string" },
      publishers: { type: "string" },
      rate: { type: "string" },
      subscribers: { type: "string" },
      backplane: { type: "string" },
      fault: { type: "string", multiple: true },
      controls: { type: "boolean" },
      proxied: { type: "boolean" },
      keep: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const options = { ...DEFAULT_OPTIONS, seed: seedDefault };
  for (const name of NUMBERS) {
    const text = values[name];
    if (text === undefined) continue;
    const number = Number(text);
    const least = name === "kills" || name === "seed" ? 0 : 1;
    if (!Number.isSafeInteger(number) || number < least)
      throw new Error(`--${name}: expected a whole number from ${least}, got ${text}.`);
    options[name] = number;
  }
  const backplane = values.backplane ?? options.backplane;
  if (!Object.hasOwn(BROKERS, backplane)) {
    throw new Error(`--backplane: expected one of ${Object.keys(BROKERS).join(", ")}, got ${backplane}.`);
  }
  const faults = (values.fault ?? []).map((name) => {
    if (!Object.hasOwn(CONTROLS, name))
      throw new Error(`--fault: expected one of ${Object.keys(CONTROLS).join(", ")}, got ${name}.`);
    return name as PlantedFault;
  });
  return {
    options: { ...options, backplane, faults, isProxied: values.proxied ?? false },
    isControls: values.controls ?? false,
    isHelp: values.help ?? false,
    isKept: values.keep ?? false,
  };
}
