import { figureOf, spreadText } from "../scenarios/figures.ts";
import type { Row, Scenario } from "../scenarios/scenario.ts";
import { BURSTS, TICKS } from "../scenarios/ticks.ts";
import { barPlot, linePlot, type Bar, type Titles } from "./svg.ts";

/** The picture of a scenario, as SVG; null where nothing was measured. */
export function plotOf(scenario: Scenario, rows: readonly Row[]): string | null {
  const titles = { title: `${scenario.number}. ${scenario.title}`, measure: scenario.plot.title };
  return scenario === TICKS ? ticksPlot(titles, rows) : barsPlot(titles, scenario, rows);
}

function barsPlot(titles: Titles, { columns, plot }: Scenario, rows: readonly Row[]): string | null {
  const digits = columns.find(({ key }) => key === plot.key)?.digits ?? 0;
  const bars = rows.flatMap((row): Bar[] => {
    const figure = figureOf(row, plot.key);
    const trouble = row.failure !== undefined ? "failed" : row.behind !== undefined ? "fell behind" : null;
    if (figure === null) return trouble === null ? [] : [{ label: row.peer, value: 0, text: trouble, kind: "bad" }];
    const text = spreadText(figure, digits);
    if (trouble !== null) return [{ label: row.peer, value: figure.median, text: `${trouble}; ${text}`, kind: "bad" }];
    return [{ label: row.peer, value: figure.median, text, kind: row.peer.startsWith("Carillon") ? "own" : "other" }];
  });
  return bars.some(({ value }) => value > 0) ? barPlot(titles, bars, plot.title.includes("log scale")) : null;
}

function ticksPlot(titles: Titles, rows: readonly Row[]): string | null {
  const lines = rows
    .map((row) => ({
      label: row.peer,
      points: BURSTS.flatMap((burst): (readonly [number, number])[] => {
        const figure = figureOf(row, `us${burst}`);
        return figure === null || figure.median <= 0 ? [] : [[burst, figure.median]];
      }),
    }))
    .filter(({ points }) => points.length > 1);
  return lines.length === 0 ? null : linePlot(titles, "messages per tick (both axes logarithmic)", lines);
}
