import type { Findings } from "./findings.ts";
import { placeOf, type LogTruth } from "./log-truth.ts";
import type { Journal, PublisherRecord } from "./records.ts";

/** What became of all publishes. */
export interface PublishCounts {
  published: number;
  acknowledged: number;
  /** The SDK said that it can't be known. */
  uncertain: number;
  /** Of these and of the unanswered, those that are in the log. */
  stored: number;
  /** Surely not published. */
  rejected: number;
  /** How many of these for each code. */
  readonly rejectedBy: Record<string, number>;
  /** The publisher was killed before it heard. */
  unanswered: number;
  sets: number;
}

/** What publishers say about boards: by channel and key, the last number that was acknowledged, and all that were set. */
export type BoardClaims = Map<string, { acknowledged: number; readonly wanted: Set<number> }>;

type Outcome = "pending" | "accepted" | "uncertain" | "rejected";

/** Compares what publishers were told with the log. */
export class PublishCheck {
  readonly counts: PublishCounts = {
    published: 0,
    acknowledged: 0,
    uncertain: 0,
    stored: 0,
    rejected: 0,
    rejectedBy: {},
    unanswered: 0,
    sets: 0,
  };
  readonly claims: BoardClaims = new Map();
  /** Everything that was ever handed to an SDK, by channel and id. */
  readonly wanted = new Set<string>();
  readonly #truths: ReadonlyMap<string, LogTruth>;
  readonly #findings: Findings;

  constructor(truths: ReadonlyMap<string, LogTruth>, findings: Findings) {
    this.#truths = truths;
    this.#findings = findings;
  }

  /** Reads what one publisher wrote down. */
  read({ name, records }: Journal<PublisherRecord>): void {
    const outcomes = new Map<string, { readonly channel: string; outcome: Outcome; code?: string }>();
    let isClosed = false;
    for (const record of records) {
      if (record.what === "publish") {
        this.counts.published++;
        this.wanted.add(`${record.channel} ${record.id}`);
        outcomes.set(record.id, { channel: record.channel, outcome: "pending" });
      } else if (record.what === "accepted") {
        this.#settle(outcomes, name, record.id, "accepted");
        this.#accept(name, record.channel, record.id, record.pos);
      } else if (record.what === "failed") {
        const outcome = record.code === "uncertain" ? "uncertain" : "rejected";
        this.#settle(outcomes, name, record.id, outcome, record.code);
      } else if (record.what === "closed") isClosed = true;
      else this.#readSet(record);
    }
    for (const [id, { channel, outcome, code }] of outcomes) this.#judge(name, channel, id, outcome, code, isClosed);
    this.#judgeOrder(name, [...outcomes]);
  }

  #settle(
    outcomes: Map<string, { outcome: Outcome; code?: string }>,
    name: string,
    id: string,
    outcome: Outcome,
    code?: string,
  ): void {
    const publish = outcomes.get(id);
    if (publish?.outcome !== "pending") {
      this.#findings.add(
        "contradictions",
        `${name} was told of ${id}: ${outcome}, after ${publish?.outcome ?? "nothing"}`,
      );
      return;
    }
    publish.outcome = outcome;
    if (code !== undefined) publish.code = code;
  }

  #accept(name: string, channel: string, id: string, pos: string): void {
    this.counts.acknowledged++;
    const truth = this.#truths.get(channel);
    if (truth === undefined) return;
    const place = placeOf(pos);
    if (truth.isWhole && truth.place(id) === undefined) {
      this.#findings.add("lost", `${name} was told that ${id} is stored in ${channel}, which does not have it`);
      return;
    }
    const problem = place?.epoch === truth.epoch ? truth.learn(id, place.offset) : `is in another epoch`;
    if (problem === null) return;
    const isLost = truth.place(id) === undefined;
    this.#findings.add(
      isLost ? "lost" : "contradictions",
      `${name} was told ${pos} for ${id} in ${channel}: it ${problem}`,
    );
  }

  #readSet(record: PublisherRecord & { readonly what: "set" | "set accepted" | "set failed" }): void {
    const key = `${record.channel} ${record.key}`;
    const claim = this.claims.get(key) ?? { acknowledged: 0, wanted: new Set<number>() };
    this.claims.set(key, claim);
    if (record.what === "set") {
      this.counts.sets++;
      claim.wanted.add(record.n);
    } else if (record.what === "set accepted") claim.acknowledged = Math.max(claim.acknowledged, record.n);
  }

  #judge(
    name: string,
    channel: string,
    id: string,
    outcome: Outcome,
    code: string | undefined,
    isClosed: boolean,
  ): void {
    const isStored = this.#truths.get(channel)?.place(id) !== undefined;
    if (outcome === "rejected") {
      const { rejectedBy } = this.counts;
      this.counts.rejected++;
      rejectedBy[code ?? ""] = (rejectedBy[code ?? ""] ?? 0) + 1;
      if (isStored) this.#findings.add("contradictions", `${name} was told ${code} for ${id}, and ${channel} has it`);
    } else if (outcome !== "accepted") {
      this.counts[outcome === "uncertain" ? "uncertain" : "unanswered"]++;
      if (isStored) this.counts.stored++;
      if (outcome === "pending" && isClosed) {
        this.#findings.add("contradictions", `${name} ended properly and was never told of ${id}`);
      }
    }
  }

  /** What one publisher publishes to one channel stands there in the order in which it was published. */
  #judgeOrder(name: string, publishes: readonly (readonly [id: string, { readonly channel: string }])[]): void {
    const last = new Map<string, { readonly place: number; readonly id: string }>();
    for (const [id, { channel }] of publishes) {
      const place = this.#truths.get(channel)?.place(id);
      if (place === undefined) continue;
      const before = last.get(channel);
      if (before !== undefined && before.place > place) {
        this.#findings.add(
          "reordered",
          `${name} published ${before.id} before ${id}; ${channel} has ${before.place}, ${place}`,
        );
      }
      last.set(channel, { place, id });
    }
  }
}
