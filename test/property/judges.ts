import type { GapPush, ItemsPush } from "@carillon/protocol";
import type { HistoryTold, Judge } from "./judge.ts";
import type { LogOracle } from "./log-oracle.ts";
import type { View } from "./subscriptions.ts";
import { demand } from "./violation.ts";
import type { Shown } from "./wire.ts";

/** What a run has seen: what must have happened often enough for many runs to prove something. */
export interface Seen {
  resumeAfterTrim: boolean;
  duplicate: boolean;
  slowReader: boolean;
  rollBack: boolean;
}

/** Holds what clients are told of logs against what happened in them. States are judged by what clients see at rest. */
export class Judges implements Judge {
  readonly #logs: LogOracle;
  readonly #isLog: (channel: string) => boolean;
  readonly #seen: Seen;

  constructor(logs: LogOracle, isLog: (channel: string) => boolean, seen: Seen) {
    this.#logs = logs;
    this.#isLog = isLog;
    this.#seen = seen;
  }

  started(who: string, { channel }: View, asked: string | null, pos: string | null): void {
    if (this.#isLog(channel)) this.#logs.started(who, channel, asked, pos);
    else demand(asked === pos, () => `P4, ${who}: ${channel} begins elsewhere`);
  }

  items(who: string, { channel }: View, push: ItemsPush, values: readonly Shown[]): void {
    if (this.#isLog(channel)) this.#logs.items(who, push, values);
  }

  gap(who: string, { channel, isResuming }: View, push: GapPush): void {
    demand(this.#isLog(channel), () => `${who}: a gap of ${channel}, which needs none`);
    this.#logs.gap(who, push);
    if (isResuming && push.reason === "trimmed") this.#seen.resumeAfterTrim = true;
  }

  accepted(...told: Parameters<Judge["accepted"]>): void {
    this.#logs.accepted(...told);
  }

  history(who: string, channel: string, page: HistoryTold, values: readonly Shown[]): void {
    this.#logs.history(who, channel, page, values);
  }
}
