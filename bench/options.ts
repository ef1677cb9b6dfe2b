import { parseArgs } from "node:util";
import { PEERS } from "./peers/index.ts";
import { SCENARIOS } from "./scenarios/index.ts";
import type { Scenario } from "./scenarios/scenario.ts";

/** What the command line asks for. */
export interface Options {
  /** All of them if none is named; for a comparison of revisions, null: it has its own choice. */
  readonly scenarios: readonly Scenario[] | null;
  /** Shorter and fewer: to see that it works, not to measure. */
  readonly isQuick: boolean;
  readonly rounds: number;
  /** Only these peers, by name; null: those of each scenario. */
  readonly only: readonly string[] | null;
  /** The results as JSON and nothing else. */
  readonly isJson: boolean;
  /** Writes docs/benchmarks.md. */
  readonly writesDocs: boolean;
  /** A revision to compare the working tree with, instead of with peers. */
  readonly against: string | null;
}

const QUICK_ROUNDS = 2;
const ROUNDS = 5;

/** Reads the command line. Throws what is wrong with it, as a sentence. */
export function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      peers: { type: "string" },
      json: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      against: { type: "string" },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`Expected --rounds to be a positive number, got "${values.rounds}".`);
  return {
    scenarios: positionals.length === 0 ? null : positionals.map(scenarioOf),
    isQuick: values.quick,
    rounds,
    only: values.peers === undefined ? null : namesIn(values.peers),
    isJson: values.json,
    writesDocs: values["write-docs"],
    against: values.against ?? null,
  };
}

function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.find((candidate) => candidate.name === name || String(candidate.number) === name);
  if (scenario !== undefined) return scenario;
  const names = SCENARIOS.map((candidate) => `${candidate.number} ${candidate.name}`).join(", ");
  throw new Error(`Expected a scenario, got "${name}". There are ${names}.`);
}

/** Names of peers behind commas, which some have in them: what is the name of one is taken for it. */
function namesIn(text: string): string[] {
  const names: string[] = [];
  for (let rest = text.trim(); rest !== "";) {
    const known = PEERS.find(({ name }) => rest === name || rest.startsWith(`${name},`))?.name;
    const name = known ?? /^[^,]*/.exec(rest)?.[0] ?? rest;
    names.push(name.trim());
    rest = rest.slice(name.length).replace(/^\s*,\s*/, "");
  }
  return names;
}
