import type { BlowCounts } from "./blows.ts";
import type { ChaosResult } from "./chaos-run.ts";
import type { ChaosOptions } from "./options.ts";
import { quantile } from "./pauses.ts";

const count = (number: number): string => number.toLocaleString("en-US");
const pair = (sorted: readonly number[]): string => `${quantile(sorted, 0.5)} ms, ${quantile(sorted, 0.99)} ms`;

function rejections(by: Readonly<Record<string, number>>): string {
  const codes = Object.entries(by).map(([code, number]) => `${code} ${count(number)}`);
  return codes.length === 0 ? "" : ` (${codes.join(", ")})`;
}

function blowLines(blows: BlowCounts): string[] {
  const names = Object.keys(blows).sort();
  return names.length === 0
    ? []
    : [`  blows              ${names.map((name) => `${name} ${count(blows[name] ?? 0)}`).join(", ")}`];
}

/** Kinds of lines that servers and clients printed, of which so many are shown. */
const SAID_MAX = 40;

/** What was printed, each sentence once and with its number: times and numbers do not make it another one. */
function said(output: string): string[] {
  const counts = new Map<string, number>();
  for (const line of output.split("\n").filter(Boolean)) {
    const sentence = line.replace(/^\d{4}-\S+Z /, "").replaceAll(/\d+(?:[.:]\d+)*/g, "#");
    counts.set(sentence, (counts.get(sentence) ?? 0) + 1);
  }
  return [...counts].slice(0, SAID_MAX).map(([sentence, times]) => `    ${count(times)} × ${sentence}`);
}

/** The result of a run, for people. Ends with the verdict. */
export function printResult(result: ChaosResult, { seed, nodes, clients }: ChaosOptions): string {
  const { findings, publishes, deliveries, weather, pauses } = result;
  const { counts } = findings;
  const lines = [
    `${count(result.kills)} kills of ${nodes === 1 ? "the server" : `${nodes} servers`} with ${result.backplane}, seed ${seed}, ${(result.durationMs / 1000).toFixed(0)} s`,
    `  network            ${count(weather.cuts)} connections cut, ${count(weather.resets)} times all of a process reset, ${count(weather.stalls)} stalls`,
    ...(result.network === null ? [] : [`  lines to broker    ${result.network}`]),
    ...blowLines(result.blows),
    ...(result.remark === null ? [] : [`  broker             ${result.remark}`]),
    `  client processes   ${clients}, killed ${count(result.clientKills)} times`,
    `  published          ${count(publishes.published)}: ${count(publishes.acknowledged)} acknowledged, ${count(publishes.unanswered)} unanswered (publisher killed), ${count(publishes.uncertain)} uncertain, ${count(publishes.rejected)} rejected${rejections(publishes.rejectedBy)}; ${count(publishes.stored)} of the unanswered and uncertain are in the log`,
    `  stored             ${count(result.stored)} publications; ${count(publishes.sets)} entries set`,
    `  delivered          ${count(deliveries.delivered)}; subscriptions resumed ${count(deliveries.resumed)} times`,
    `  announced gaps     ${count(deliveries.gaps)}, ${count(deliveries.missing)} publications, in channels that retain little`,
    `  median, p99        ${pair(result.restarts)} from kill to restarted server${result.vainStarts === 0 ? "" : `; ${count(result.vainStarts)} starts in vain, the broker was away`}`,
  ];
  if (nodes === 1) {
    lines.push(
      `                     ${pair(pauses.first)} from kill to the first delivery`,
      `                     ${pair(pauses.each)} from kill to the first delivery of each subscriber`,
    );
  }
  if (result.output !== "") lines.push("  servers and clients printed:", ...said(result.output));
  for (const example of findings.examples) lines.push(`  ${example}`);
  lines.push(
    `contradictions = ${counts.contradictions}`,
    `lost / duplicated / reordered / silent gaps = ${counts.lost} / ${counts.duplicated} / ${counts.reordered} / ${counts["silent gaps"]}`,
  );
  return lines.join("\n");
}
