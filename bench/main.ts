/**
 * `npm run bench [-- <scenario…>] [--quick] [--rounds <count>] [--peers <names>] [--json] [--write-docs]
 * [--against <revision>]`: measures Carillon and its peers in turns. Ends with 1 when a bar is missed, or a delivery of
 * Carillon's; with 2 when it can't measure.
 */
import { compareRevisions } from "./against/compare.ts";
import { raiseFileLimit } from "./harness/file-limit.ts";
import { nativeLoad } from "./harness/native.ts";
import { pinnedCpus } from "./harness/pinning.ts";
import { machine } from "./machine.ts";
import { optionsOf, type Options } from "./options.ts";
import { FoundPeers } from "./peers/found.ts";
import { writePage } from "./report/page.ts";
import { resultTable } from "./report/table.ts";
import { verdictText } from "./report/verdicts.ts";
import { figureOf } from "./scenarios/figures.ts";
import { SCENARIOS } from "./scenarios/index.ts";
import type { Result, Scenario } from "./scenarios/scenario.ts";

interface Measured {
  readonly scenario: Scenario;
  readonly result: Result;
}

async function main(options: Options): Promise<number> {
  const load = nativeLoad();
  if ("missing" in load) {
    console.error(`There is no load generator: ${load.missing}.`);
    return 2;
  }
  const log = (text: string): void => {
    if (!options.isJson) console.log(text);
  };
  const limit = raiseFileLimit();
  if (limit !== null) console.error(limit);
  const cpus = pinnedCpus();
  const bench = { cpus, program: load.program };
  log(machine());
  if (options.against !== null) return compareRevisions({ ...options, bench, against: options.against, log });

  const setting =
    cpus.server === null
      ? "No process was pinned."
      : `Servers on processor ${cpus.server}, load on ${String(cpus.load)}.`;
  log(setting);
  const found = new FoundPeers();
  const measured: Measured[] = [];
  const startMs = performance.now();
  for (const scenario of options.scenarios ?? SCENARIOS) {
    log(`\n${scenario.number}. ${scenario.title} (${scenario.name})`);
    const scenarioMs = performance.now();
    const peers = await found.named(options.only ?? scenario.peers);
    const rows = await scenario.measure({ bench, peers, isQuick: options.isQuick, rounds: options.rounds, log });
    const result = { scenario: scenario.name, rows, verdicts: scenario.judge(rows) };
    measured.push({ scenario, result });
    log(terminalText(scenario, result));
    log(`${seconds(scenarioMs)} s`);
  }
  log(`\n${seconds(startMs)} s in all. ${fastestOf(measured)}`);
  if (options.isJson) {
    const versions = Object.fromEntries(found.here.map(({ peer, version }) => [peer.name, version]));
    console.log(
      JSON.stringify({ machine: machine(), setting, versions, results: measured.map(({ result }) => result) }, null, 2),
    );
  }
  if (options.writesDocs) {
    writePage({
      machine: machine(),
      setting,
      command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
      minutes: (performance.now() - startMs) / 60_000,
      measured,
      peers: found.here,
      missing: found.missing,
      fastest: fastestOf(measured),
    });
  }
  return measured.some(({ result }) => result.verdicts.some(({ isMet }) => isMet === false)) ? 1 : 0;
}

function terminalText(scenario: Scenario, { rows, verdicts }: Result): string {
  const troubles = rows.flatMap(({ peer, failure, behind }) => {
    if (failure !== undefined) return [`${peer} FAILED: ${failure}`];
    return behind === undefined ? [] : [`${peer} fell behind: ${behind}`];
  });
  const bars = verdicts.map((verdict) => `${verdictText(verdict)}: ${verdict.bar}: ${verdict.figure}`);
  return [resultTable(scenario, rows), ...troubles, ...bars].join("\n");
}

/** What the load generator is known to manage: the most that it counted in this run. */
function fastestOf(measured: readonly Measured[]): string {
  const counted = measured.flatMap(({ scenario, result }) =>
    result.rows.map((row) => ({ scenario, row, perSecond: figureOf(row, "perSecond")?.max ?? 0 })),
  );
  const [fastest] = counted.sort((one, other) => other.perSecond - one.perSecond);
  if (fastest === undefined || fastest.perSecond === 0) return "";
  const count = Math.round(fastest.perSecond).toLocaleString("en");
  return `The most that the load generator counted in a second was ${count} deliveries (${fastest.row.peer}, scenario ${fastest.scenario.number}).`;
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1_000).toFixed(0);
}

try {
  process.exitCode = await main(optionsOf(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
