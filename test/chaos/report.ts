import type { ChaosResult } from "./chaos-run.ts";
import type { ChaosOptions } from "./options.ts";
import { quantile } from "./pauses.ts";

const count = (number: number): string => number.toLocaleString("en-US");
const pair = (sorted: readonly number[]): string => `${quantile(sorted, 0.5)} ms, ${quantile(sorted, 0.99)} ms`;

function rejections(by: Readonly<Record<string, number>>): string {
  const codes = Object.entries(by).map(([code, number]) => `${code} ${count(number)}`);
  return codes.length === 0 ? "" : ` (${codes.join(", ")})`;
}

/** Characters of output that are shown. */
const OUTPUT_MAX = 4_000;

/** The result of a run, for people. Ends with the verdict. */
export function printResult(result: ChaosResult, { seed, nodes, clients }: ChaosOptions): string {
  const { findings, publishes, deliveries, weather, pauses } = result;
  const { counts } = findings;
  const lines = [
    `${count(result.kills)} kills of ${nodes === 1 ? "the server" : `${nodes} servers`} with ${result.backplane}, seed ${seed}, ${(result.durationMs / 1000).toFixed(0)} s`,
    `  network            ${count(weather.cuts)} connections cut, ${count(weather.resets)} times all of a process reset, ${count(weather.stalls)} stalls`,
    ...(result.blows > 0 ? [`  broker             struck ${count(result.blows)} times`] : []),
    `  client processes   ${clients}, killed ${count(result.clientKills)} times`,
    `  published          ${count(publishes.published)}: ${count(publishes.acknowledged)} acknowledged, ${count(publishes.unanswered)} unanswered (publisher killed), ${count(publishes.uncertain)} uncertain, ${count(publishes.rejected)} rejected${rejections(publishes.rejectedBy)}; ${count(publishes.stored)} of the unanswered and uncertain are in the log`,
    `  stored             ${count(result.stored)} publications; ${count(publishes.sets)} entries set`,
    `  delivered          ${count(deliveries.delivered)}; subscriptions resumed ${count(deliveries.resumed)} times`,
    `  announced gaps     ${count(deliveries.gaps)}, ${count(deliveries.missing)} publications, in channels that retain little`,
    `  median, p99        ${pair(result.restarts)} from kill to restarted server`,
    `                     ${pair(pauses.first)} from kill to the first delivery`,
    `                     ${pair(pauses.each)} from kill to the first delivery of each subscriber`,
  ];
  if (result.output !== "") lines.push("  servers and clients printed:", result.output.slice(-OUTPUT_MAX).trimEnd());
  for (const example of findings.examples) lines.push(`  ${example}`);
  lines.push(
    `contradictions = ${counts.contradictions}`,
    `lost / duplicated / reordered / silent gaps = ${counts.lost} / ${counts.duplicated} / ${counts.reordered} / ${counts["silent gaps"]}`,
  );
  return lines.join("\n");
}
