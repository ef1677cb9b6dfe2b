import type { LogBlock } from "./block.ts";

/** What one message of the stream holds of a log. */
interface Holding {
  readonly seq: number;
  /** Offset of its last record, of whatever life; -1: it has none. */
  readonly last: number;
  /** Stretches of offsets, first and last. */
  readonly stretches: readonly (readonly [first: number, last: number])[];
  /** Store time of the latest record or remembered id. */
  readonly at: number;
}

/**
 * Which messages of the stream hold which records of a log: to know which ones to delete when history is over its
 * bounds, and which ones to rewrite when a payload is erased. In the order of their sequence.
 */
export class Physical {
  #holdings: Holding[] = [];

  /** How many messages there are. */
  get length(): number {
    return this.#holdings.length;
  }

  /** A message was stored. */
  add(seq: number, block: LogBlock): void {
    const stretches = [block.own, ...block.carried]
      .filter(({ records }) => records.length > 0)
      .map(({ offset, records }) => [offset + 1, offset + records.length] as const);
    const last = stretches.reduce((greatest, [, end]) => Math.max(greatest, end), -1);
    this.#holdings.push({ seq, last, stretches, at: block.at });
  }

  /** A message was deleted. */
  delete(seq: number): void {
    this.#holdings = this.#holdings.filter((holding) => holding.seq !== seq);
  }

  /** Messages before a place were deleted. */
  deleteBefore(seq: number): void {
    this.#holdings = this.#holdings.filter((holding) => holding.seq >= seq);
  }

  /** Messages that hold any of these offsets. */
  holders(offsets: readonly number[]): number[] {
    return this.#holdings
      .filter(({ stretches }) =>
        stretches.some(([first, last]) => offsets.some((offset) => offset >= first && offset <= last)),
      )
      .map(({ seq }) => seq);
  }

  /**
   * How many messages at the start hold nothing after an offset and nothing after a time, and the sequence of the first
   * that has to stay. The last message always stays: it is the channel's head.
   */
  obsolete(base: number, before: number): { readonly count: number; readonly firstKept: number } {
    let count = 0;
    for (; count < this.#holdings.length - 1; count++) {
      const holding = this.#holdings[count];
      if (holding === undefined || holding.last > base || holding.at >= before) break;
    }
    return { count, firstKept: this.#holdings[count]?.seq ?? 0 };
  }
}
