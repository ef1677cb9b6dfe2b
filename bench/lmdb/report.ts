import { readFileSync } from "node:fs";
import { cpus, release, type } from "node:os";

/** What the numbers were measured on. */
export function about(): string {
  const versions = `Node ${process.versions.node}, lmdb ${versionOf("lmdb")}`;
  return `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${cpus().length} logical processors, ${type()} ${release()}, ${versions}`;
}

function versionOf(name: string): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), "utf8"),
  );
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "?";
}

/** The value below which a share of the sorted values lies; the middle one by default. */
export function quantile(values: readonly number[], share = 0.5): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Median, and in brackets the smallest and the largest. */
export function spread(values: readonly number[], digits: number): string {
  const [low, middle, high] = [Math.min(...values), quantile(values), Math.max(...values)];
  return `${number(middle, digits)} (${number(low, digits)}–${number(high, digits)})`;
}

/** A number as people read it. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
