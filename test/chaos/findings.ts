/** What a run can be accused of. */
export type Fault =
  /** Acknowledged or delivered, and not in the log; or never delivered to who waited for it to the end. */
  | "lost"
  /** In the log twice, or delivered twice to one subscription. */
  | "duplicated"
  /** In another order than that of the log, or than that in which it was published. */
  | "reordered"
  /** A subscriber went on behind publications that it was not given, and was not told. */
  | "silent gaps"
  /** Everything else that contradicts what somebody was told. */
  | "contradictions";

/** Examples of each fault that are kept; all are counted. */
const EXAMPLES_MAX = 10;

/** Collects what a checker finds. */
export class Findings {
  readonly counts: Record<Fault, number> = {
    lost: 0,
    duplicated: 0,
    reordered: 0,
    "silent gaps": 0,
    contradictions: 0,
  };
  /** Sentences: who, where, what. */
  readonly examples: string[] = [];

  add(fault: Fault, sentence: string): void {
    if (++this.counts[fault] <= EXAMPLES_MAX) this.examples.push(`${fault}: ${sentence}`);
  }

  get isClean(): boolean {
    return Object.values(this.counts).every((count) => count === 0);
  }
}
