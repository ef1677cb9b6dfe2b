import { figureOf, spreadText } from "../scenarios/figures.ts";
import type { Row, Scenario } from "../scenarios/scenario.ts";

/** Rows of cells as a Markdown table, which reads well in a terminal too. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** What a scenario measured, peer by peer. */
export function resultTable({ columns }: Scenario, rows: readonly Row[]): string {
  return markdownTable(
    ["server", ...columns.map(({ title }) => title), "result"],
    rows.map((row) => [
      row.peer,
      ...columns.map(({ key, digits }) => {
        const figure = figureOf(row, key);
        return figure === null ? "–" : spreadText(figure, digits);
      }),
      row.failure !== undefined ? "FAILED" : row.behind !== undefined ? "fell behind" : "ok",
    ]),
  );
}
