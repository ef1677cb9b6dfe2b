import type { Findings } from "./findings.ts";
import type { Present, Roster, SubscriberRecord } from "./records.ts";

type Told = Extract<SubscriberRecord, { readonly what: "enter" | "entered" | "enter failed" | "left" | "members" }>;

/** Compares who is in a channel with who entered it and is still there, and with whom each of these sees. */
export class PresenceCheck {
  readonly #roster: Roster;
  readonly #findings: Findings;
  readonly #entered = new Map<string, { acknowledged: number; readonly wanted: Set<number> }>();
  /** Who was there in the end, with whom each saw. */
  readonly #views = new Map<string, readonly Present[]>();

  constructor(roster: Roster, findings: Findings) {
    this.#roster = roster;
    this.#findings = findings;
  }

  take(who: string, record: Told): void {
    if (record.what === "members") {
      this.#views.set(who, record.members);
      return;
    }
    const claim = this.#entered.get(who) ?? { acknowledged: 0, wanted: new Set<number>() };
    this.#entered.set(who, claim);
    if (record.what === "left") claim.acknowledged = 0;
    else if (record.what === "enter") claim.wanted.add(record.n);
    else if (record.what === "entered") claim.acknowledged = Math.max(claim.acknowledged, record.n);
  }

  /** After everybody was heard. */
  judge(): void {
    const { channel, members } = this.#roster;
    const present = new Map(members);
    if (present.size < members.length) {
      this.#findings.add("duplicated", `${channel} has ${members.length} members, who are ${present.size}`);
    }
    for (const [who] of this.#views) {
      const { acknowledged, wanted } = this.#entered.get(who) ?? { acknowledged: 0, wanted: new Set<number>() };
      const n = present.get(who) ?? 0;
      if (n >= acknowledged && (n === 0 || wanted.has(n))) continue;
      const sentence = `${who} was told that it is in ${channel} with ${acknowledged}; ${n === 0 ? "it is not there" : `there it has ${n}`}`;
      this.#findings.add("lost", sentence);
    }
    for (const [who, n] of members) {
      if (!this.#views.has(who)) this.#findings.add("contradictions", `${channel} has ${who} (${n}), who is gone`);
    }
    for (const [who, seen] of this.#views) this.#compare(who, seen, present);
  }

  #compare(who: string, seen: readonly Present[], present: ReadonlyMap<string, number>): void {
    const own = new Map(seen);
    const differing = [...new Set([...own.keys(), ...present.keys()])].filter(
      (one) => own.get(one) !== present.get(one),
    );
    if (differing.length === 0) return;
    const sentence = `${who} ended in ${this.#roster.channel} with another idea of ${differing.join(", ")} than the store`;
    this.#findings.add("lost", sentence);
  }
}
