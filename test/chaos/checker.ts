import { BoardCheck } from "./board-check.ts";
import { DeliveryCheck, type DeliveryCounts } from "./delivery-check.ts";
import { Findings } from "./findings.ts";
import { LogTruth } from "./log-truth.ts";
import { PresenceCheck } from "./presence-check.ts";
import { PublishCheck, type PublishCounts } from "./publish-check.ts";
import type { Journal, PublisherRecord, StoredState, SubscriberRecord } from "./records.ts";

/** Everything that is known of a run. */
export interface Evidence {
  readonly stored: StoredState;
  readonly publishers: Iterable<Journal<PublisherRecord>>;
  readonly subscribers: Iterable<Journal<SubscriberRecord>>;
  /** Told of each delivery, by the wall clock in milliseconds. */
  readonly onDelivery?: (subscriber: string, at: number) => void;
}

/** What the checker says. */
export interface Judgement {
  readonly findings: Findings;
  readonly publishes: PublishCounts;
  readonly deliveries: DeliveryCounts;
  /** Publications that the logs have in the end, those that are not retained any more included. */
  readonly stored: number;
}

/**
 * The offline checker: compares what applications wrote down with what the store has in the end. It knows nothing of the
 * server and trusts nobody: log channels by the order of ids in the final log, and what was told by positions.
 */
export function check({ stored, publishers, subscribers, onDelivery }: Evidence): Judgement {
  const findings = new Findings();
  const truths = new Map(stored.logs.map((log) => [log.channel, new LogTruth(log, findings)]));
  const boards = new Map(stored.boards.map((board) => [board.channel, new BoardCheck(board, findings)]));
  const presence = stored.roster === undefined ? null : new PresenceCheck(stored.roster, findings);
  const publishes = new PublishCheck(truths, findings);
  for (const journal of publishers) publishes.read(journal);
  for (const board of boards.values()) board.judgeWriters(publishes.claims);
  const deliveries: DeliveryCounts = { delivered: 0, gaps: 0, missing: 0, resumed: 0 };
  for (const journal of subscribers) {
    new SubscriberCheck(journal.name, { findings, truths, boards, presence, deliveries, onDelivery }).read(
      journal.records,
    );
  }
  presence?.judge();
  for (const [channel, truth] of truths) {
    for (const id of truth.known.values()) {
      if (publishes.wanted.has(`${channel} ${id}`)) continue;
      findings.add("contradictions", `${channel} has ${id}, which nobody published`);
    }
  }
  return {
    findings,
    publishes: publishes.counts,
    deliveries,
    stored: [...truths.values()].reduce((sum, { top }) => sum + top, 0),
  };
}

interface SubscriberContext {
  readonly findings: Findings;
  readonly truths: ReadonlyMap<string, LogTruth>;
  readonly boards: ReadonlyMap<string, BoardCheck>;
  readonly presence: PresenceCheck | null;
  readonly deliveries: DeliveryCounts;
  readonly onDelivery: Evidence["onDelivery"];
}

/** Follows one subscriber through its channels. */
class SubscriberCheck {
  readonly #name: string;
  readonly #context: SubscriberContext;
  readonly #logs = new Map<string, DeliveryCheck>();
  readonly #boards = new Map<string, ReturnType<BoardCheck["follow"]>>();

  constructor(name: string, context: SubscriberContext) {
    this.#name = name;
    this.#context = context;
  }

  read(records: Iterable<SubscriberRecord>): void {
    for (const record of records) this.#take(record);
  }

  #take(record: SubscriberRecord): void {
    const { findings, onDelivery } = this.#context;
    const { channel } = record;
    switch (record.what) {
      case "subscribe":
        return this.#begin(channel, record.from);
      case "unsubscribe":
        this.#logs.delete(channel);
        this.#boards.delete(channel);
        return;
      case "interrupted":
        return;
      case "trouble":
        findings.add("contradictions", `${this.#name} in ${channel} had trouble: ${record.code}`);
        return;
      case "enter":
      case "entered":
      case "enter failed":
      case "left":
      case "members":
        this.#context.presence?.take(this.#name, record);
        return;
      case "changes":
        this.#boards.get(channel)?.(record);
        return;
      case "item":
        onDelivery?.(this.#name, record.at);
        break;
      case "end":
        this.#boards.get(channel)?.(record);
        break;
      case "gap":
      case "subscribed":
        break;
    }
    const log = this.#logs.get(channel);
    if (log !== undefined) log.take(record);
    else if (this.#context.truths.has(channel) && record.what !== "subscribed") {
      findings.add("contradictions", `${this.#name} got ${record.what} of ${channel}, to which it is not subscribed`);
    }
  }

  #begin(channel: string, from: string | null): void {
    const { truths, boards, findings, deliveries } = this.#context;
    const truth = truths.get(channel);
    if (truth) this.#logs.set(channel, new DeliveryCheck(this.#name, from, truth, findings, deliveries));
    const board = boards.get(channel);
    if (board) this.#boards.set(channel, board.follow(this.#name));
  }
}
