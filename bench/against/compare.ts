import { join } from "node:path";
import type { Bench } from "../harness/subject.ts";
import { CARILLON } from "../peers/carillon.ts";
import type { Peer } from "../peers/peer.ts";
import { markdownTable } from "../report/table.ts";
import { figureOf, spreadText } from "../scenarios/figures.ts";
import { SCENARIOS } from "../scenarios/index.ts";
import type { Row, Scenario } from "../scenarios/scenario.ts";
import { differenceOf } from "./difference.ts";
import { Revision } from "./revision.ts";

/** What to compare, and how. */
export interface CompareOptions {
  readonly bench: Bench;
  readonly against: string;
  readonly scenarios: readonly Scenario[] | null;
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly isJson: boolean;
  readonly log: (text: string) => void;
}

/** What is compared unless told otherwise: a figure of processor time or memory for each path that is hot. */
const USUAL = ["fan-out", "fan-out-single", "idle", "connects", "calls"];
/** Fewer say nothing about a spread. */
const ROUNDS_MIN = 6;
/** Figures by which a revision is judged: the others follow the clock, and so whatever else the machine does. */
const JUDGED = new Set(["cpuUs", "rssKb", "subscribeUs"]);

/**
 * Measures the working tree and a revision in turns, and says of each figure whether it differs by more than it
 * varies. Returns 1 if one is worse by that measure.
 */
export async function compareRevisions(options: CompareOptions): Promise<number> {
  const { bench, against, isQuick, log } = options;
  using revision = new Revision(against);
  const rounds = Math.max(options.rounds, ROUNDS_MIN);
  log(`The working tree against ${against} (${revision.commit}), in turns, ${rounds} rounds.`);
  const names = { tree: "working tree", revision: revision.commit };
  const peers: readonly Peer[] = [
    { ...CARILLON, name: names.tree },
    {
      ...CARILLON,
      name: names.revision,
      command: (port, purpose) => inFolder(CARILLON.command(port, purpose), revision.folder),
    },
  ];
  const scenarios = options.scenarios ?? SCENARIOS.filter(({ name }) => USUAL.includes(name));
  const compared = [];
  for (const scenario of scenarios) {
    const rows = await scenario.measure({ bench, peers, isQuick, rounds, log });
    compared.push(...comparisons(scenario, rows, names));
    for (const { peer, failure } of rows)
      if (failure !== undefined) console.error(`${peer}, ${scenario.name}: FAILED: ${failure}`);
  }
  const head = ["scenario", "figure", names.tree, names.revision, "ratio", "verdict"];
  log(
    markdownTable(
      head,
      compared.map(({ cells }) => cells),
    ),
  );
  if (options.isJson)
    console.log(
      JSON.stringify(
        compared.map(({ data }) => data),
        null,
        2,
      ),
    );
  return compared.some(({ data }) => data.isWorse || data.isMissing) ? 1 : 0;
}

interface Comparison {
  readonly cells: readonly string[];
  readonly data: Readonly<Record<string, unknown>> & { readonly isWorse: boolean; readonly isMissing: boolean };
}

function comparisons(
  scenario: Scenario,
  rows: readonly Row[],
  names: { readonly tree: string; readonly revision: string },
): Comparison[] {
  const [tree, revision] = [names.tree, names.revision].map((name) => rows.find(({ peer }) => peer === name));
  return scenario.columns
    .filter(({ key }) => JUDGED.has(key))
    .map(({ key, title, digits }) => {
      const [mine, theirs] = [figureOf(tree, key), figureOf(revision, key)];
      const valuesOf = (row: Row | undefined): number[] =>
        (row?.samples ?? []).flatMap(({ figures }) => figures[key] ?? []);
      const difference = differenceOf(valuesOf(tree), valuesOf(revision));
      const text = (figure: typeof mine): string => (figure === null ? "failed" : spreadText(figure, digits));
      const ratio = difference === null ? "–" : spreadText(difference.ratio, 2);
      const verdict = difference?.verdict ?? "not measured";
      return {
        cells: [scenario.name, title, text(mine), text(theirs), ratio, verdict],
        data: {
          scenario: scenario.name,
          figure: key,
          tree: mine,
          revision: theirs,
          ratio: difference?.ratio ?? null,
          verdict,
          isWorse: verdict === "worse",
          isMissing: difference === null,
        },
      };
    });
}

/** The same server of the bench, in the other revision's folder, so that it finds that one's packages. */
function inFolder(command: ReturnType<Peer["command"]>, folder: string): ReturnType<Peer["command"]> {
  const here = new URL("../servers/", import.meta.url).pathname;
  return {
    ...command,
    command: command.command.map((part) => part.replace(here, join(folder, "bench/servers/"))),
    cwd: join(folder, "bench"),
  };
}
