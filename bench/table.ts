import { BARS, isWithinBar } from "./bars.ts";
import type { FanOutResult } from "./fan-out.ts";
import type { Spread } from "./statistics.ts";

/** The results as a Markdown table, which reads well in a terminal too. */
export function table(results: readonly FanOutResult[]): string {
  const head = [
    "server",
    "in flight",
    "CPU µs per delivery",
    "ratio to ws",
    "bar",
    "deliveries/s",
    "bytes",
    "load busy",
  ];
  const rows = results.map((result) => [
    result.kind,
    String(result.inFlight),
    spread(result.cpuUsPerDelivery, 2),
    result.kind === "ws" ? "1" : spread(result.ratioToWs, 3),
    bar(result),
    Math.round(result.deliveriesPerSecond.median).toLocaleString("en"),
    result.bytesPerDelivery.toFixed(0),
    `${(result.loadBusy.median * 100).toFixed(0)} %`,
  ]);
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

function spread({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

function bar(result: FanOutResult): string {
  const limit = BARS.get(result.inFlight);
  if (result.kind === "ws" || limit === undefined) return "–";
  return `≤ ${limit} ${isWithinBar(result) ? "ok" : "MISSED"}`;
}
