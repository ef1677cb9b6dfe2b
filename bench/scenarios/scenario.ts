import type { Bench } from "../harness/subject.ts";
import type { Peer } from "../peers/peer.ts";

/** What a scenario runs with. */
export interface Context {
  readonly bench: Bench;
  /** Those of the scenario's peers that are here, in its order. */
  readonly peers: readonly Peer[];
  /** Short runs: to see that it works, not to measure. */
  readonly isQuick: boolean;
  /** How often each peer is measured, but where one run takes long or is ruined by the first. */
  readonly rounds: number;
  readonly log: (text: string) => void;
}

/** One measurement of one peer. */
export interface Sample {
  readonly figures: Readonly<Record<string, number>>;
  /** Why it does not count: what was lost, came twice, or came in another order. */
  readonly failure?: string;
  /** Why it is not measured again: it could not keep up, but nothing was wrong. */
  readonly behind?: string;
}

/** What came of one peer. */
export interface Row {
  readonly peer: string;
  readonly samples: readonly Sample[];
  readonly failure?: string;
  readonly behind?: string;
}

/** A figure of a scenario: how it is called in samples, and on the page. */
interface Column {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
}

/** A promise of the project, and whether it was kept. */
export interface Verdict {
  readonly bar: string;
  /** Null: what it is compared with was not measured. */
  readonly isMet: boolean | null;
  /** The figure that it was judged by. */
  readonly figure: string;
}

/** What a scenario measured. */
export interface Result {
  readonly scenario: string;
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
}

/** A load, and how it is judged. */
export interface Scenario {
  /** As on the command line. */
  readonly name: string;
  readonly number: number;
  readonly title: string;
  /** What is done, in a sentence or two. */
  readonly about: string;
  readonly peers: readonly string[];
  readonly columns: readonly Column[];
  /** The column to draw, and how it is to be read. */
  readonly plot: { readonly key: string; readonly title: string };
  measure(context: Context): Promise<readonly Row[]>;
  judge(rows: readonly Row[]): readonly Verdict[];
}
