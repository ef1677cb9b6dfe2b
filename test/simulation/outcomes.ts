import { CLOCK_JUMP_MAX_MS, type Place, type Truth, type World } from "@carillon/server/testing";
import type { Checker } from "./checker.ts";
import { EntryOrder } from "./entry-order.ts";
import { AT_ONCE, type Docket } from "./docket.ts";
import { LIMITS } from "./setting.ts";

/** One publish or amendment, from its call to its end. */
export interface Attempt {
  readonly who: string;
  readonly channel: string;
  readonly id: string;
  /** Order of the calls of one client. */
  readonly number: number;
  readonly isAmendment: boolean;
  readonly startedMs: number;
  state: "open" | "accepted" | "uncertain" | "refused";
  code: string;
}

/** What became of everything that was asked for: each has one end, and the log agrees with it. */
export class Outcomes {
  readonly attempts: Attempt[] = [];
  readonly sets: EntryOrder;
  /** Everything else that is still open: sets, pages of history, subscribes. */
  readonly #open = new Map<object, { readonly what: string; readonly startedMs: number }>();
  readonly #world: World;
  readonly #truth: Truth;
  readonly #checker: Checker;

  constructor(world: World, truth: Truth, checker: Checker) {
    this.#world = world;
    this.#truth = truth;
    this.#checker = checker;
    this.sets = new EntryOrder(truth, checker);
  }

  /** A publish was called. `isAlive` is false once the page that called is gone, and with it who could be told. */
  published(
    call: Omit<Attempt, "state" | "code" | "startedMs">,
    promise: Promise<{ readonly pos: string; readonly at: number }>,
    isAlive: () => boolean,
    docket: Docket = AT_ONCE,
  ): void {
    const attempt: Attempt = { ...call, startedMs: this.#world.nowMs, state: "open", code: "" };
    this.attempts.push(attempt);
    promise.then(
      (result) => (isAlive() ? this.#accepted(attempt, result, docket) : undefined),
      (error: unknown) => (isAlive() ? this.#refused(attempt, error) : undefined),
    );
  }

  /** Something else was called, which has to end. */
  asked(what: string, promise: Promise<unknown>): void {
    const key = {};
    this.#open.set(key, { what, startedMs: this.#world.nowMs });
    const end = (how: string) => (): void => {
      this.#open.delete(key);
      this.#world.note(`${what}: ${how}`);
    };
    promise.then(end("done"), (error: unknown) => end(codeOf(error))());
  }

  /** What one client has open, and nobody will ever answer: its page is gone. */
  abandon(who: string): void {
    for (const [key, { what }] of this.#open) if (what.startsWith(`${who} `)) this.#open.delete(key);
    for (const attempt of this.attempts) {
      if (attempt.who === who && attempt.state === "open") attempt.state = "uncertain";
    }
  }

  /** Everything that is open, as a person reads it. */
  open(): string[] {
    const attempts = this.attempts.flatMap(({ state, who, id, channel }) =>
      state === "open" ? [`${who} publish of ${id} to ${channel}`] : [],
    );
    return [...attempts, ...[...this.#open.values()].map(({ what }) => what)];
  }

  /** Everything has come to rest: the logs hold what they must, once, and in order. */
  finish(): void {
    for (const attempt of this.attempts) {
      const log = this.#truth.channels.get(attempt.channel);
      const count = log?.holding(attempt.id).length ?? 0;
      const isRestored = (log?.restores ?? 0) > 0;
      const told = `${attempt.who}: ${attempt.id} ended as ${attempt.state} ${attempt.code}, and is ${count} times in ${attempt.channel}`;
      if (count > 1) this.#checker.fail("publish", told);
      else if (attempt.state === "accepted" && count === 0 && !isRestored) this.#checker.fail("publish", told);
      else if (attempt.state === "refused" && count > 0) this.#checker.fail("publish", told);
    }
    this.#checkOrder();
    this.sets.finish();
  }

  #accepted(attempt: Attempt, { pos, at }: { readonly pos: string; readonly at: number }, docket: Docket): void {
    attempt.state = "accepted";
    const { who, id, channel } = attempt;
    this.#world.note(`${who} was told that ${id} is in ${channel}`);
    this.#world.count("publishes accepted");
    const place = (): Place | undefined => this.#truth.channels.get(channel)?.place(pos);
    docket.add(
      () => place() !== undefined,
      () => {
        const [record] = place()?.records ?? [];
        if (record === undefined || !("id" in record)) {
          this.#checker.fail("publish", `${who}: ${id} was accepted at ${pos}, where nothing is stored`);
        } else if (record.id !== id) {
          this.#checker.fail("publish", `${who}: ${id} was accepted at the place of ${record.id}`);
        } else if (record.at !== at) {
          this.#checker.fail("publish", `${who}: ${id} was stored at another time than was answered`);
        }
      },
    );
  }

  #refused(attempt: Attempt, error: unknown): void {
    const code = codeOf(error);
    attempt.state = code === "uncertain" ? "uncertain" : "refused";
    attempt.code = code;
    this.#world.note(`${attempt.who} was told that ${attempt.id} ended as ${code}`);
    this.#world.count(`publishes ended as ${code}`);
    const cause = error instanceof Error ? codeOf(error.cause) : "";
    const isEarly = this.#world.nowMs - attempt.startedMs < LIMITS.idempotencyWindowMs - CLOCK_JUMP_MAX_MS;
    // The memory of ids may have been lost with everything else.
    const isRestored = this.#truth.restores > 0;
    if (cause !== "epoch_changed" || !isEarly || isRestored) return;
    this.#checker.fail(
      "publish",
      `${attempt.who}: ${attempt.id} is uncertain within the window, though nothing was forgotten`,
    );
  }

  /** What one client published, and was told is stored, stands in the order in which it called. */
  #checkOrder(): void {
    const numbers = new Map(this.attempts.map((attempt) => [`${attempt.channel} ${attempt.id}`, attempt]));
    for (const [channel, truth] of this.#truth.channels) {
      if (truth.restores > 0) continue;
      const last = new Map<string, number>();
      for (const { records } of truth.chain()) {
        for (const record of records) {
          const attempt = record.kind === "publication" ? numbers.get(`${channel} ${record.id}`) : undefined;
          // What is uncertain may still be on its way over a connection that its sender has given up.
          if (attempt?.state !== "accepted") continue;
          const before = last.get(attempt.who) ?? -1;
          if (attempt.number < before)
            this.#checker.fail("reordered", `${attempt.who}: ${attempt.id} stands behind a later one in ${channel}`);
          last.set(attempt.who, Math.max(before, attempt.number));
        }
      }
    }
  }
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);
}
