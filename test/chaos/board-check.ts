import type { Findings } from "./findings.ts";
import type { BoardClaims } from "./publish-check.ts";
import type { BoardEntry, StoredBoard, SubscriberRecord } from "./records.ts";

type Told = Extract<SubscriberRecord, { readonly what: "changes" | "end" }>;

/** Compares a state channel, and what its writers and subscribers were told, with what it is in the end. */
export class BoardCheck {
  readonly #board: StoredBoard;
  readonly #entries: ReadonlyMap<string, BoardEntry>;
  readonly #findings: Findings;

  constructor(board: StoredBoard, findings: Findings) {
    this.#board = board;
    this.#entries = new Map(board.entries.map((entry) => [entry[0], entry]));
    this.#findings = findings;
  }

  /** What was acknowledged last, or set later, is what the entry has. */
  judgeWriters(claims: BoardClaims): void {
    for (const [channelAndKey, { acknowledged, wanted }] of claims) {
      const [channel = "", key = ""] = channelAndKey.split(" ");
      if (channel !== this.#board.channel) continue;
      const n = this.#entries.get(key)?.[1] ?? 0;
      if (n >= acknowledged && (n === 0 || wanted.has(n))) continue;
      this.#findings.add("lost", `${channel} has ${n} for ${key}, which was told that ${acknowledged} is stored`);
    }
  }

  /** Follows one subscription of one subscriber. */
  follow(who: string): (record: Told) => void {
    const versions = new Map<string, number>();
    return (record) => {
      for (const [key, n, version] of record.entries) {
        const before = versions.get(key) ?? 0;
        if (version < before) {
          const sentence = `${who} in ${this.#board.channel} was given version ${version} of ${key} (${n}) after ${before}`;
          this.#findings.add("reordered", sentence);
        }
        versions.set(key, version);
      }
      if (record.what === "end") this.#judgeEnd(who, record);
    };
  }

  #judgeEnd(who: string, { entries, isLive, pos }: Told & { readonly what: "end" }): void {
    const own = new Map(entries.map((entry) => [entry[0], entry]));
    const differing = [...new Set([...own.keys(), ...this.#entries.keys()])].filter((key) => {
      const mine = own.get(key);
      const stored = this.#entries.get(key);
      return mine?.[1] !== stored?.[1] || mine?.[2] !== stored?.[2];
    });
    if (differing.length === 0) return;
    const where = `${this.#board.channel} at ${pos}${isLive ? "" : ", not live"}`;
    this.#findings.add("lost", `${who} ended in ${where} with other values for ${differing.join(", ")}`);
  }
}
