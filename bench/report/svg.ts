/**
 * Plots without a library: they are bars and lines, and a file that reads well in light and dark needs its colours as
 * style sheet rules, which generators of plots don't write.
 */

const STYLE = `<style>
  .paper { fill: #ffffff } .text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d1d9e0 }
  .own { fill: #0969da } .other { fill: #818b98 } .bad { fill: #d1242f }
  .line0 { stroke: #0969da } .line1 { stroke: #bc4c00 } .line2 { stroke: #59636e } .dot0 { fill: #0969da } .dot1 { fill: #bc4c00 } .dot2 { fill: #59636e }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif } .title { font-weight: 600; font-size: 14px }
  path { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
    .own { fill: #4493f8 } .other { fill: #656c76 } .bad { fill: #f85149 }
    .line0 { stroke: #4493f8 } .line1 { stroke: #db6d28 } .line2 { stroke: #9198a1 } .dot0 { fill: #4493f8 } .dot1 { fill: #db6d28 } .dot2 { fill: #9198a1 }
  }
</style>`;

/** What is measured, and by which figure. */
export interface Titles {
  readonly title: string;
  readonly measure: string;
}

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** What stands at its end. */
  readonly text: string;
  /** Ours, a peer's, or one whose figure does not count. */
  readonly kind: "own" | "other" | "bad";
}

const WIDTH = 760;
const LABEL_WIDTH = 150;
const TEXT_WIDTH = 190;
const ROW = 28;
const TOP = 72;

/** Bars from the left, one below the other. With `isLog` a decade has the same width anywhere. */
export function barPlot(titles: Titles, bars: readonly Bar[], isLog: boolean): string {
  const values = bars.map(({ value }) => value).filter((value) => value > 0);
  const max = Math.max(...values, 0);
  const floor = isLog ? 10 ** Math.floor(Math.log10(Math.min(...values)) - 0.01) : 0;
  const room = WIDTH - LABEL_WIDTH - TEXT_WIDTH;
  const widthOf = (value: number): number => {
    if (!(value > 0)) return 0;
    return room * (isLog ? Math.log(value / floor) / Math.log(max / floor) : value / max);
  };
  const height = TOP + bars.length * ROW + 10;
  const rows = bars.map(({ label, value, text, kind }, index) => {
    const y = TOP + index * ROW;
    const width = Math.max(2, widthOf(value));
    return [
      `<text class="text" x="${LABEL_WIDTH - 8}" y="${y + 15}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="${kind}" x="${LABEL_WIDTH}" y="${y + 2}" width="${width.toFixed(1)}" height="${ROW - 10}" rx="2"/>`,
      `<text class="quiet" x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 15}">${escaped(text)}</text>`,
    ].join("\n");
  });
  const decades = isLog
    ? decadesBetween(floor, max).map((value) => gridLine(LABEL_WIDTH + widthOf(value), height, value))
    : [];
  return picture(titles, height, [...decades, ...rows]);
}

/** A line through points. */
export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Lines over two logarithmic axes. */
export function linePlot(titles: Titles, xTitle: string, lines: readonly Line[]): string {
  const [left, right, bottom, height] = [70, 130, 56, 400];
  const points = lines.flatMap((line) => line.points);
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const x = scale(xs, left, WIDTH - right);
  const y = scale([10 ** Math.floor(Math.log10(Math.min(...ys))), ...ys], height - bottom, TOP);
  const ticksX = decadesBetween(Math.min(...xs), Math.max(...xs)).map(
    (value) =>
      `<text class="quiet" x="${x(value)}" y="${height - bottom + 20}" text-anchor="middle">${value.toLocaleString("en")}</text>`,
  );
  const ticksY = decadesBetween(10 ** Math.floor(Math.log10(Math.min(...ys))), Math.max(...ys)).map(
    (value) =>
      `<line class="grid" x1="${left}" x2="${WIDTH - right}" y1="${y(value)}" y2="${y(value)}"/>\n` +
      `<text class="quiet" x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${value.toLocaleString("en")}</text>`,
  );
  const labelYs = spacedOut(lines.map((line) => y(line.points.at(-1)?.[1] ?? 1)));
  const drawn = lines.map((line, index) => {
    const path = line.points
      .map(([px, py], at) => `${at === 0 ? "M" : "L"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`)
      .join(" ");
    const dots = line.points.map(
      ([px, py]) => `<circle class="dot${index}" cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3"/>`,
    );
    const endX = x(line.points.at(-1)?.[0] ?? 1);
    return `<path class="line${index}" d="${path}"/>${dots.join("")}<text class="text" x="${(endX + 8).toFixed(1)}" y="${((labelYs[index] ?? 0) + 4).toFixed(1)}">${escaped(line.label)}</text>`;
  });
  const xLabel = `<text class="quiet" x="${(left + WIDTH - right) / 2}" y="${height - 12}" text-anchor="middle">${escaped(xTitle)}</text>`;
  return picture(titles, height, [...ticksY, ...ticksX, xLabel, ...drawn]);
}

/** Places values of a logarithmic axis between two ends. */
function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  return (value) => from + ((Math.log10(value) - low) / (high - low || 1)) * (to - from);
}

/** Moves labels apart that would stand on each other, at their own ends of the lines. */
function spacedOut(wanted: readonly number[]): number[] {
  const order = wanted.map((y, index) => ({ y, index })).sort((one, other) => one.y - other.y);
  const placed: number[] = [];
  let last = -Infinity;
  for (const { y, index } of order) {
    last = Math.max(y, last + 16);
    placed[index] = last;
  }
  return placed;
}

function picture({ title, measure }: Titles, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(`${title}: ${measure}`)}">`,
    STYLE,
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>`,
    `<text class="text title" x="14" y="25">${escaped(title)}</text>`,
    `<text class="quiet" x="14" y="44">${escaped(measure)}</text>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function gridLine(x: number, height: number, value: number): string {
  const label = value.toLocaleString("en", { maximumSignificantDigits: 1 });
  return `<line class="grid" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${TOP}" y2="${height - 8}"/><text class="quiet" x="${x.toFixed(1)}" y="${TOP - 2}" text-anchor="middle">${label}</text>`;
}

function decadesBetween(low: number, high: number): number[] {
  const decades: number[] = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * 1.0001; power++) decades.push(10 ** power);
  return decades;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
