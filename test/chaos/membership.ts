import type { Presence } from "@carillon/client";
import { CarillonError } from "@carillon/protocol";
import { setTimeout as wait } from "node:timers/promises";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { JournalWriter } from "./journal.ts";
import type { ChaosClient } from "./open-client.ts";
import type { SubscriberRecord } from "./records.ts";

/** The time between two things that a member says, in milliseconds, at most. */
const SAY_MS = 6_000;
/** The pause between two looks, in milliseconds. */
const LOOK_MS = 50;

/** An application that is present in a channel, says something new there now and then, and watches who else is there. */
export class Membership {
  readonly #presence: Presence<{ n: number }, { n: number }>;
  readonly #channel: string;
  readonly #journal: JournalWriter<SubscriberRecord>;
  readonly #random: SeededRandom;
  #timer: NodeJS.Timeout | undefined;
  #n = 0;
  #pending = 0;

  constructor(client: ChaosClient, channel: string, journal: JournalWriter<SubscriberRecord>, random: SeededRandom) {
    this.#presence = client.channel(channel as "feed:0").presence;
    this.#channel = channel;
    this.#journal = journal;
    this.#random = random;
    this.#presence.on("change", () => {});
    this.#presence.on("error", ({ retry, code }) => {
      if (!retry) journal.write({ what: "trouble", channel, code });
    });
    this.enter();
    this.#next();
  }

  /** Becomes a member, or says something new. */
  enter(): void {
    void this.#enter();
  }

  /** The client was disconnected on purpose: that is a leave, and whatever was said before is void. */
  left(): void {
    this.#journal.write({ what: "left", channel: this.#channel });
  }

  /** Says nothing more: it must stay a member without doing anything for it. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  /** Resolves when what it has said is stored, or the time is over. */
  async settled(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#pending > 0 && performance.now() < deadlineMs) await wait(LOOK_MS);
  }

  /** True if it sees everything up to this position of the presence. */
  isAt(position: string): boolean {
    return this.#presence.isLive && this.#presence.position === position;
  }

  /** Writes down whom it sees. */
  tell(): void {
    const { isLive, members } = this.#presence;
    const channel = this.#channel;
    const seen = members.map(({ user, info }) => [user, info.n] as const);
    this.#journal.write({ what: "members", channel, isLive, members: seen });
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      this.enter();
      this.#next();
    }, SAY_MS * this.#random.next());
  }

  async #enter(): Promise<void> {
    const channel = this.#channel;
    const n = ++this.#n;
    this.#journal.write({ what: "enter", channel, n });
    this.#pending++;
    try {
      await this.#presence.enter({ n });
      this.#journal.write({ what: "entered", channel, n });
    } catch (error) {
      const code = error instanceof CarillonError ? error.code : String(error);
      this.#journal.write({ what: "enter failed", channel, n, code });
    }
    this.#pending--;
  }
}
