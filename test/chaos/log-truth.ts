import { parsePlace } from "@carillon/server/backplane";
import type { Findings } from "./findings.ts";
import type { StoredLog } from "./records.ts";

/** The number in a position, and the life of the channel that it is of. Null for what is no position of ours. */
export function placeOf(position: string): { readonly epoch: string; readonly offset: number } | null {
  return parsePlace(position);
}

/**
 * The one order of a log channel: which publication stands at which place. Its source is the log as it is in the end. Of
 * what is not retained any more, the places are learned from those who were told, and all of them must say the same.
 */
export class LogTruth {
  readonly channel: string;
  readonly epoch: string;
  /** The place of the last publication. */
  readonly top: number;
  /** Places up to this one are not retained. */
  readonly base: number;
  readonly #findings: Findings;
  readonly #idAt = new Map<number, string>();
  readonly #placeOf = new Map<string, number>();

  constructor(log: StoredLog, findings: Findings) {
    this.channel = log.channel;
    this.#findings = findings;
    const base = placeOf(log.prev);
    const top = placeOf(log.pos);
    this.epoch = base?.epoch ?? "";
    this.base = base?.offset ?? 0;
    this.top = top?.offset ?? 0;
    if (base?.epoch !== top?.epoch) findings.add("contradictions", `${log.channel} has two epochs in one log`);
    for (const { prev, pos, ids } of log.pages) this.#readPage(prev, pos, ids);
  }

  #readPage(prev: string, pos: string, ids: readonly string[]): void {
    let place = placeOf(prev)?.offset ?? 0;
    for (const id of ids) {
      place++;
      const other = this.#placeOf.get(id);
      if (other === undefined) this.#placeOf.set(id, place);
      else this.#findings.add("duplicated", `${this.channel} has ${id} at ${other} and ${place}`);
      this.#idAt.set(place, id);
    }
    const end = placeOf(pos)?.offset;
    if (end !== place) {
      const sentence = `${this.channel} has ${ids.length} publications from ${prev} to ${pos}`;
      this.#findings.add("contradictions", sentence);
    }
  }

  /** True if all that was ever published here is retained. */
  get isWhole(): boolean {
    return this.base === 0;
  }

  place(id: string): number | undefined {
    return this.#placeOf.get(id);
  }

  /** All that is known, by place. */
  get known(): ReadonlyMap<number, string> {
    return this.#idAt;
  }

  /** True if the log has room for a publication that is not retained at this place. */
  isOpen(place: number): boolean {
    return place > 0 && place <= this.base && !this.#idAt.has(place);
  }

  /** Somebody was told that the publication stands at this place. Says what is wrong with it, or null. */
  learn(id: string, place: number): string | null {
    const known = this.#placeOf.get(id);
    if (known === place) return null;
    if (known !== undefined) return `stands at ${known}, not ${place}`;
    if (this.isOpen(place)) {
      this.#idAt.set(place, id);
      this.#placeOf.set(id, place);
      return null;
    }
    const there = this.#idAt.get(place);
    return there === undefined ? `is not in the log` : `is not in the log: at ${place} stands ${there}`;
  }
}
