import { parseArgs } from "node:util";

/** Drills, by the name that the command takes. */
const DRILL_NAMES = ["rollback", "swallow", "crash", "rolling-restart"] as const;
/** Brokers that drills run on. */
const BROKER_NAMES = ["redis", "nats"] as const;

/** The name of a drill. */
export type DrillName = (typeof DRILL_NAMES)[number];
/** The name of a broker. */
export type BrokerName = (typeof BROKER_NAMES)[number];

/** Settings of one run of one drill. */
export interface DrillOptions {
  readonly backplane: BrokerName;
  readonly seed: number;
  /** How often it is done: rollbacks, swallowed deliveries, crashes of each shape, restarts of all nodes. */
  readonly times: number;
  /** Clients, over all client processes. */
  readonly clients: number;
}

/** A command of `npm run drill`. */
export interface DrillCommand {
  readonly name: DrillName;
  readonly options: DrillOptions;
  /** Run on builds that are broken on purpose instead: each has to be reported. */
  readonly isControl: boolean;
}

/** What is done if nothing is said. */
const DEFAULTS: Readonly<Record<DrillName, Pick<DrillOptions, "times" | "clients">>> = {
  rollback: { times: 20, clients: 12 },
  swallow: { times: 300, clients: 3 },
  crash: { times: 1, clients: 5_000 },
  "rolling-restart": { times: 1, clients: 3_000 },
};

export const DRILL_USAGE = `npm run drill -- <name> [options]

  rollback           a broker is restored from an old copy, or a lagging replica takes over
  swallow            single live messages get lost between broker and node
  crash              a node with thousands of members is killed
  rolling-restart    nodes leave and come back, one after the other

  --backplane name   ${BROKER_NAMES.join(", ")} (redis)
  --times n          rollbacks (${DEFAULTS.rollback.times}), swallowed deliveries (${DEFAULTS.swallow.times}), crashes of each shape (${DEFAULTS.crash.times}), restarts of all nodes (${DEFAULTS["rolling-restart"].times})
  --clients n        subscribers (${DEFAULTS.rollback.clients}, ${DEFAULTS.swallow.clients}), members (${DEFAULTS.crash.clients}), clients (${DEFAULTS["rolling-restart"].clients})
  --seed n           of everything that is drawn (another one each time)
  --control          the same on builds that are broken on purpose: each has to be reported`;

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new Error(`--${name}: expected a whole number from ${least}, got ${text}.`);
}

function oneOf<T extends string>(what: string, names: readonly T[], text: string | undefined): T {
  const found = names.find((name) => name === text);
  if (found !== undefined) return found;
  throw new Error(`${what}: expected one of ${names.join(", ")}, got ${text ?? "nothing"}.`);
}

/** Reads the command line; null: help is wanted. Throws an error that says what was expected. */
export function parseDrill(args: readonly string[], seedDefault: number): DrillCommand | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      backplane: { type: "string", default: "redis" },
      times: { type: "string" },
      clients: { type: "string" },
      seed: { type: "string" },
      control: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  if (positionals.length !== 1) throw new Error(`Expected one drill, got ${positionals.length}.`);
  const name = oneOf("The drill", DRILL_NAMES, positionals[0]);
  const { times, clients } = DEFAULTS[name];
  return {
    name,
    options: {
      backplane: oneOf("--backplane", BROKER_NAMES, values.backplane),
      seed: values.seed === undefined ? seedDefault : wholeNumber("seed", values.seed, 0),
      times: values.times === undefined ? times : wholeNumber("times", values.times, 1),
      clients: values.clients === undefined ? clients : wholeNumber("clients", values.clients, 1),
    },
    isControl: values.control,
  };
}
