import type { Findings } from "./findings.ts";
import { placeOf, type LogTruth } from "./log-truth.ts";
import type { SubscriberRecord } from "./records.ts";

/** What was delivered, over all subscribers. */
export interface DeliveryCounts {
  delivered: number;
  /** Announced gaps, and the publications that were missing. */
  gaps: number;
  missing: number;
  /** Times that a subscription went on from where it was. */
  resumed: number;
}

type Told = Extract<SubscriberRecord, { readonly what: "subscribed" | "item" | "gap" | "end" }>;

/**
 * Follows one subscription of one subscriber to one log: from its first place on, each publication has to be the next
 * one of the log, unless a gap was announced.
 */
export class DeliveryCheck {
  readonly #who: string;
  readonly #truth: LogTruth;
  readonly #findings: Findings;
  readonly #counts: DeliveryCounts;
  /** The place that it has heard everything up to; null: it has not heard where it is. */
  #place: number | null = null;
  #first = 0;
  /** Places that it was led past, silently or not. */
  readonly #skipped = new Set<number>();

  /** @param from the stored position that it was begun with */
  constructor(who: string, from: string | null, truth: LogTruth, findings: Findings, counts: DeliveryCounts) {
    this.#who = `${who} in ${truth.channel}`;
    this.#truth = truth;
    this.#findings = findings;
    this.#counts = counts;
    if (from !== null) this.#place = this.#first = this.#read(from);
  }

  take(record: Told): void {
    if (record.what === "subscribed") this.#subscribed(record.pos);
    else if (record.what === "item") this.#item(record);
    else if (record.what === "gap") this.#gap(record.from, record.to, record.reason);
    else this.#end(record.pos);
  }

  /** The number in a position of this log's life; another life would be a gap, which comes as one. */
  #read(position: string | null): number {
    const place = position === null ? null : placeOf(position);
    if (place === null || place.epoch !== this.#truth.epoch) {
      this.#findings.add(
        "contradictions",
        `${this.#who} was at ${position}, of another epoch than ${this.#truth.epoch}`,
      );
    }
    return place?.offset ?? 0;
  }

  #subscribed(pos: string | null): void {
    const place = this.#read(pos);
    if (this.#place === null) {
      this.#place = this.#first = place;
      return;
    }
    this.#counts.resumed++;
    if (place > this.#place) this.#skip(place, `was resumed at ${pos}`);
    else if (place < this.#place) {
      this.#findings.add("contradictions", `${this.#who} stood at ${this.#place} and was resumed at ${pos}`);
    }
  }

  #item({ id, pos, damaged }: SubscriberRecord & { readonly what: "item" }): void {
    this.#counts.delivered++;
    if (damaged === true) this.#findings.add("contradictions", `${this.#who} was given ${id} with other data`);
    if (this.#place === null) {
      this.#findings.add("contradictions", `${this.#who} was given ${id} before it was subscribed`);
      return;
    }
    const next = this.#place + 1;
    const place = this.#truth.place(id);
    if (place === undefined) {
      const problem = this.#truth.learn(id, next);
      if (problem !== null) this.#findings.add("lost", `${this.#who} was given ${id}, which ${problem}`);
      this.#place = next;
    } else if (place < next) this.#late(id, place);
    else {
      if (place > next) this.#skip(place - 1, `was given ${id}`);
      this.#place = place;
    }
    if (pos === undefined) return;
    const said = this.#read(pos);
    if (said === this.#place) return;
    if (said > this.#place) this.#skip(said, `was told ${pos}`);
    else
      this.#findings.add("contradictions", `${this.#who} was told ${pos} behind ${id}, which stands at ${this.#place}`);
  }

  #late(id: string, place: number): void {
    const wasGiven = place > this.#first && !this.#skipped.delete(place);
    const sentence = `${this.#who} was given ${id} of ${place} behind ${this.#place}`;
    this.#findings.add(wasGiven ? "duplicated" : "reordered", sentence);
  }

  #gap(from: string, to: string, reason: string): void {
    this.#counts.gaps++;
    const start = this.#read(from);
    const end = this.#read(to);
    const place = (this.#place ??= start);
    const sentence = `${this.#who} at ${place} was told of a gap from ${from} to ${to}, ${reason}`;
    // A log that retains everything has no reason for one, and a gap says where the subscriber is.
    if (this.#truth.isWhole || start !== place || end <= start) this.#findings.add("contradictions", sentence);
    for (let skipped = place + 1; skipped <= end; skipped++) this.#skipped.add(skipped);
    this.#counts.missing += Math.max(0, end - start);
    this.#place = end;
  }

  #skip(to: number, sentence: string): void {
    const place = this.#place ?? 0;
    this.#findings.add("silent gaps", `${this.#who} stood at ${place} and ${sentence}, ${to - place} missing`);
    for (let skipped = place + 1; skipped <= to; skipped++) this.#skipped.add(skipped);
    this.#place = to;
  }

  /** It had time to get everything. */
  #end(pos: string | null): void {
    const place = this.#place ?? this.#truth.top;
    for (let missing = place + 1; missing <= this.#truth.top; missing++) {
      const id = this.#truth.known.get(missing) ?? "what stands there";
      this.#findings.add("lost", `${this.#who} ended at ${place}, ${pos}, and never got ${id} of ${missing}`);
    }
  }
}
