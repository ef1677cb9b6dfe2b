import { isFields, isText, type Fields } from "./fields.ts";
import { readPayload, readPublisher, type Entry, type Take } from "./items.ts";

/** One change of a state channel: an entry got a value, or ended. */
export type Change<Value = unknown> =
  | ({ readonly key: string; readonly removed: false; readonly previous: Entry<Value> | undefined } & Entry<Value>)
  | {
      readonly key: string;
      readonly removed: true;
      readonly previous: Entry<Value> | undefined;
      /** Version of the removal; undefined when a fresh snapshot just did not hold the key any more. */
      readonly version: number | undefined;
    };

/**
 * The entries of a state channel, as the server tells them. A reset means that a fresh snapshot follows, in pages: the
 * old entries stay visible until its end, so that a list of members does not flicker empty after a long absence.
 */
export class Entries {
  /** The entries by key. */
  readonly map: Map<string, Entry> = new Map();
  /** Keys from before a reset that the snapshot has not named yet; null: no snapshot is under way. */
  #stale: Set<string> | null = null;

  /** A fresh snapshot starts. */
  reset(): void {
    this.#stale = new Set(this.map.keys());
  }

  /** Applies items in their order and returns what changed. Items of an unknown form are passed over. */
  apply(items: readonly unknown[], take: Take): Change[] {
    // All is read before the first is applied: if one can't be, nothing has changed.
    const read = items.flatMap((item) =>
      isFields(item) && isText(item["key"]) ? readItem(item["key"], item, take) : [],
    );
    const changes: Change[] = [];
    for (const { key, version, entry } of read) {
      const previous = this.map.get(key);
      this.#stale?.delete(key);
      if (!entry) {
        if (this.map.delete(key)) changes.push({ key, removed: true, previous, version });
        continue;
      }
      this.map.set(key, entry);
      // A snapshot names what did not change, too. Versions alone may repeat in a new life of the channel.
      if (previous?.version !== version || previous.at !== entry.at)
        changes.push({ key, removed: false, previous, ...entry });
    }
    return changes;
  }

  /** The snapshot is complete: what it did not name is gone. Returns what changed. */
  settle(): Change[] {
    const changes = [...(this.#stale ?? [])].map((key): Change => {
      const previous = this.map.get(key);
      this.map.delete(key);
      return { key, removed: true, previous, version: undefined };
    });
    this.#stale = null;
    return changes;
  }
}

function readItem(key: string, item: Fields, take: Take): { key: string; version: number; entry: Entry | null } {
  const version = Number(item["version"]);
  if (item["removed"] === true) return { key, version, entry: null };
  const payload = readPayload(item, take);
  const value = payload.erased ? null : payload.data;
  return { key, version, entry: { value, version, at: Number(item["at"]), owner: readPublisher(item["owner"]) } };
}
