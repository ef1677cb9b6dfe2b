import { shown, type ChannelTruth } from "@carillon/server/testing";
import type { LogViewContext } from "./log-view.ts";

/** An entry as the application sees it. */
interface SeenEntry {
  readonly version: number;
  readonly value: unknown;
}

/** A change as the application sees it. */
export type SeenChange =
  | { readonly key: string; readonly removed: true }
  | ({ readonly key: string; readonly removed: false } & SeenEntry);

/** What one client is told of one state channel, held against what truly happened. */
export class StateView {
  readonly #context: LogViewContext;

  constructor(context: LogViewContext) {
    this.#context = context;
  }

  /** Entries have changed. */
  changed(changes: readonly SeenChange[]): void {
    const { world, docket, name, channel } = this.#context;
    for (const change of changes) {
      world.note(`${name} sees ${change.key} ${change.removed ? "end" : `at ${change.version}`} in ${channel}`);
      if (change.removed) continue;
      const value = JSON.stringify(change.value);
      const entry = `${change.key} ${change.version}`;
      const isKnown = (): boolean => this.#truth?.values.get(entry)?.has(value) === true;
      docket.add(isKnown, () => {
        if (isKnown() || this.#truth?.mayHide(change.version) !== true) this.#judge(entry, value, isKnown());
        else world.count("values that the witness missed");
      });
    }
  }

  #judge(entry: string, value: string, isTrue: boolean): void {
    const { checker, permissions, name, channel } = this.#context;
    if (!isTrue) {
      checker.fail("wrong data", `${name}, ${channel}: ${entry} was told as ${value.slice(0, 60)}, which it never was`);
    }
    permissions.delivered(this.#context, this.#truth?.times.get(entry) ?? 0, entry);
  }

  /** How what the application sees differs from the truth; null: not at all. */
  difference(entries: ReadonlyMap<string, SeenEntry>): string | null {
    const truth = [...(this.#truth?.entries() ?? [])].map(
      ([key, { version, data }]) => `${key}@${version}=${shown(data)}`,
    );
    const seen = [...entries].map(([key, { version, value }]) => `${key}@${version}=${JSON.stringify(value)}`);
    const one = truth.sort().join(" ");
    const other = seen.sort().join(" ");
    return one === other ? null : `${this.#context.name}, ${this.#context.channel}: shows ${other}, it is ${one}`;
  }

  get #truth(): ChannelTruth | undefined {
    return this.#context.truth.channels.get(this.#context.channel);
  }
}
