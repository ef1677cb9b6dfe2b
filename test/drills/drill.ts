import type { Fault } from "@carillon/server/testing";
import type { Sabotage } from "../support/bundle.ts";
import type { DrillOptions } from "./options.ts";

/** What a drill needs beside its options. */
export interface DrillContext {
  /** The bundled `node-process.ts`. */
  readonly program: string;
  /** What is wrong with it on purpose. */
  readonly faults: readonly Fault[];
  /** Of this run alone. */
  readonly folder: string;
  /** Takes a line of progress. */
  readonly progress: (line: string) => void;
}

/** How a drill went. */
export interface DrillResult {
  /** The table: what was counted, a row each. */
  readonly rows: readonly (readonly [what: string, figures: string])[];
  /** Bars that were missed, a sentence each. Empty: the drill has passed. */
  readonly misses: readonly string[];
}

/** A build that is broken on purpose. */
export interface Control {
  readonly name: string;
  readonly faults?: readonly Fault[];
  /** By broker, where what is broken is a part of its backplane. */
  readonly sabotage?: Readonly<Record<DrillOptions["backplane"], Sabotage>>;
  /** A miss has to say this, or the fault was not found. */
  readonly reported: RegExp;
  /** How much of the drill is enough to see it. */
  readonly scale: Partial<Pick<DrillOptions, "times" | "clients">>;
}

/** A bounded run against real servers and real node processes. */
export interface Drill {
  readonly controls: readonly Control[];
  run(options: DrillOptions, context: DrillContext): Promise<DrillResult>;
}

/** The numbers sorted, and what people ask of them. */
export function spread(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  if (sorted.length === 0) return "none";
  const at = (share: number): string => quantile(sorted, share).toFixed(0);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

/** The value that no more than a share of the sorted numbers is above; 0 if there are none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
