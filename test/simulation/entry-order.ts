import type { Truth } from "@carillon/server/testing";
import type { Checker } from "./checker.ts";

/** One set that an application asked for. */
export interface SetCall {
  readonly who: string;
  readonly channel: string;
  /** Null: the instance's own id. */
  readonly key: string | null;
  readonly value: unknown;
}

/**
 * Holds entries against what was asked for: what one client set does not go back to what it had set before, however often
 * it came back elsewhere meanwhile, and whatever its earlier connections had asked for and is done late.
 */
export class EntryOrder {
  /** In the order of the calls. */
  readonly #calls: SetCall[] = [];
  /** What each client has been: another instance each time that it had to come in with a ticket. */
  readonly #instances = new Map<string, Set<string>>();
  readonly #truth: Truth;
  readonly #checker: Checker;

  constructor(truth: Truth, checker: Checker) {
    this.#truth = truth;
    this.#checker = checker;
  }

  called(call: SetCall): void {
    this.#calls.push(call);
  }

  /** A client has connected as an instance; null: it is none now. */
  is(who: string, instance: string | null): void {
    const instances = this.#instances.get(who) ?? new Set();
    if (instance !== null) this.#instances.set(who, instances.add(instance));
  }

  /** Everything has come to rest. */
  finish(): void {
    const numbers = this.#numbers();
    for (const [channel, truth] of this.#truth.channels) {
      if (truth.options.kind !== "state" || truth.restores > 0) continue;
      // Of each key the change before: a store knows no more.
      const last = new Map<string, Numbered | null>();
      for (const record of truth.chain().flatMap(({ records }) => records)) {
        if (!("key" in record)) continue;
        const data = record.kind === "entry" && typeof record.data === "string" ? record.data : "";
        const call = numbers.get(nameOf(channel, record.key, data)) ?? null;
        const before = last.get(record.key) ?? null;
        last.set(record.key, call);
        if (call === null || before === null || call.who !== before.who || call.number >= before.number) continue;
        this.#checker.fail(
          "reordered",
          `${call.who}: ${record.key} in ${channel} goes back to ${data} at version ${record.version}`,
        );
      }
    }
  }

  /** Calls by what they set, with their order; null: two calls set the same. */
  #numbers(): Map<string, Numbered | null> {
    const numbers = new Map<string, Numbered | null>();
    for (const [number, { who, channel, key, value }] of this.#calls.entries()) {
      const [by, another] = this.#instances.get(who) ?? [];
      // Between instances there is no order.
      if (by === undefined || another !== undefined) continue;
      const name = nameOf(channel, key ?? by, JSON.stringify(value));
      numbers.set(name, numbers.has(name) ? null : { who, number });
    }
    return numbers;
  }
}

interface Numbered {
  readonly who: string;
  readonly number: number;
}

function nameOf(channel: string, key: string, data: string): string {
  return `${channel} ${key} ${data}`;
}
