import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Peer } from "../peers/peer.ts";
import type { Result, Scenario } from "../scenarios/scenario.ts";
import { plotOf } from "./plots.ts";
import { markdownTable, resultTable } from "./table.ts";
import { verdictText } from "./verdicts.ts";

const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);
const PICTURES = new URL("../../docs/benchmarks/", import.meta.url);
const START = "<!-- results:start -->";
/** So that nobody quotes a figure that was made to see that the bench works. */
const QUICK =
  "**Made with `--quick`**: loads are shorter, and some smaller, than the titles say, with few rounds. Not to be quoted.";
const END = "<!-- results:end -->";

/** What was measured, and on what. */
export interface Run {
  readonly machine: string;
  readonly setting: string;
  readonly command: string;
  readonly minutes: number;
  readonly measured: readonly { readonly scenario: Scenario; readonly result: Result }[];
  readonly peers: readonly { readonly peer: Peer; readonly version: string }[];
  readonly missing: readonly { readonly name: string; readonly why: string }[];
  /** The most that the load generator counted in a second, and where. */
  readonly fastest: string;
}

/** Writes the results into docs/benchmarks.md, between its marks, and the pictures beside it. */
export function writePage(run: Run): void {
  mkdirSync(PICTURES, { recursive: true });
  const page = readFileSync(PAGE, "utf8");
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start === -1 || end < start) throw new Error(`Expected ${START} and ${END} in docs/benchmarks.md.`);
  const text = [
    summary(run),
    ...run.measured.map(({ scenario, result }) => section(scenario, result)),
    peers(run),
  ].join("\n\n");
  writeFileSync(PAGE, `${page.slice(0, start + START.length)}\n\n${text}\n\n${page.slice(end)}`);
  // The table's columns as the formatter wants them, or the check of the format would fail.
  const oxfmt = fileURLToPath(new URL("../../node_modules/.bin/oxfmt", import.meta.url));
  spawnSync(oxfmt, [fileURLToPath(PAGE)]);
}

function summary({ machine, setting, command, minutes, measured, fastest }: Run): string {
  const rows = measured.flatMap(({ scenario, result }) =>
    result.verdicts.map((verdict) => [String(scenario.number), verdict.bar, verdict.figure, verdictText(verdict)]),
  );
  return [
    `## Results`,
    `${machine}. ${setting} Made by \`${command}\` in ${minutes.toFixed(0)} minutes. ${fastest}`,
    ...(command.includes("--quick") ? [QUICK] : []),
    `A figure is the median of its rounds, with the least and the most. "CPU" is user and system time of all threads of the server.`,
    `### The bars`,
    markdownTable(["scenario", "bar for Carillon", "measured", "verdict"], rows),
  ].join("\n\n");
}

function section(scenario: Scenario, { rows }: Result): string {
  const picture = plotOf(scenario, rows);
  const name = `${scenario.number}-${scenario.name}.svg`;
  if (picture !== null) writeFileSync(new URL(name, PICTURES), picture);
  const notes = rows.flatMap(({ peer, failure, behind }) => {
    if (failure !== undefined) return [`- ${peer} failed, and is not ranked: ${failure}`];
    return behind === undefined ? [] : [`- ${peer} fell behind: ${behind}.`];
  });
  return [
    `### ${scenario.number}. ${scenario.title}`,
    scenario.about,
    ...(picture === null ? [] : [`![${scenario.plot.title}, by server](benchmarks/${name})`]),
    resultTable(scenario, rows),
    ...(notes.length === 0 ? [] : [notes.join("\n")]),
  ].join("\n\n");
}

function peers({ peers: all, missing }: Run): string {
  const list = all.map(({ peer, version }) => `- **${peer.name}** ${version}: ${peer.settings.join("; ")}.`);
  const rest = missing.map(({ name, why }) => `- **${name}** was not measured: ${why}.`);
  return [`### The servers and their settings`, [...list, ...rest].join("\n")].join("\n\n");
}
