import type { Ports } from "../core/ports.ts";
import type { Faults } from "../core/faults.ts";
import type { ApplyRequest, Failure, Page, PageBounds, Snapshot } from "./channel-store.ts";
import { firstPlace, formatPlace, nextPlace, type Place } from "./position.ts";
import type { EntryRecord, RemovalRecord, StateRecord } from "./records.ts";
import { changesAfter, type StateLink } from "./retained-state.ts";
import { Ring } from "./ring.ts";
import {
  holderAfter,
  isRefresh,
  refuseChange,
  refuseRestoration,
  type EndedEntry,
  type SetChange,
} from "./state-rules.ts";

type Change = ApplyRequest["change"];

/** An entry with what only the store needs to know about it. */
interface Held {
  record: EntryRecord;
  /** The session that speaks for the owner. */
  holder: string | null;
}

/** What a change came to: the records to deliver (none for a mere refresh), or why not. */
export type StateChange =
  | {
      readonly ok: true;
      readonly prev: string;
      readonly pos: string;
      readonly version: number;
      readonly records: readonly StateRecord[];
    }
  | Failure;

/**
 * One state channel in memory. Versions are the offsets of its places: each change, a removal included, takes the next.
 *
 * Invariants: `#entries` is ordered by version, oldest first (a change re-inserts its key); the journal is contiguous
 * and ends at the top, so changes since a position are found without looking at entries that did not change; whoever
 * is older than the journal takes a snapshot.
 */
export class State {
  #top: Place;
  readonly #entries = new Map<string, Held>();
  /** Monotonic times at which entries end, the next one first: all entries of a channel live equally long. */
  readonly #ends = new Map<string, number>();
  readonly #journal = new Ring<StateLink>();
  /** The removals in the journal whose keys have not come back. */
  readonly #tombstones = new Map<string, EndedEntry>();
  readonly #ports: Ports;
  readonly #faults: Faults;
  readonly #journalMax: number;
  readonly #entriesMax: number;

  constructor(ports: Ports, faults: Faults, bounds: { readonly entries: number; readonly journal: number }) {
    this.#ports = ports;
    this.#faults = faults;
    this.#journalMax = bounds.journal;
    this.#entriesMax = bounds.entries;
    this.#top = firstPlace(ports.id());
  }

  /** The position after the newest change. */
  get top(): string {
    return formatPlace(this.#top);
  }

  /** How many entries it has. */
  get size(): number {
    return this.#entries.size;
  }

  /** Monotonic time at which the next entry ends; null: none does by itself. */
  get nextEndMs(): number | null {
    for (const endsAtMs of this.#ends.values()) return endsAtMs;
    return null;
  }

  /** Applies one change. `ttlMs` is the same for every change of a channel; 0: entries do not end by themselves. */
  apply(change: Change, ttlMs: number): StateChange {
    const prev = this.top;
    if (change.op === "release") {
      const gone = [...this.#entries.values()].filter(
        (held) => held.record.owner?.instance === change.instance && held.holder === change.holder,
      );
      const isReaped = change.isReaping === true;
      return this.#done(
        prev,
        gone.map((held) => this.#end(held, { isReaped })),
      );
    }
    const held = this.#entries.get(change.key);
    const last = this.#lastHolder(change.key);
    const refusal = refuseChange(change, held?.record ?? null, last, this.#entries.size, this.#entriesMax);
    if (refusal !== null) return refusal;
    if (change.op === "remove") {
      if (held !== undefined) return this.#done(prev, [this.#end(held, { remover: change.holder })]);
      // Somebody wants it gone: it is not set again by a node that comes back.
      const gone = this.#tombstones.get(change.key);
      if (gone?.isReaped === true) {
        const { version } = gone;
        this.#tombstones.set(change.key, { version, holder: holderAfter(change.holder, gone.holder), isReaped: false });
      }
      return this.#done(prev, []);
    }
    const refused = this.#refuseRestoration(change, held);
    if (refused !== null) return refused;
    if (ttlMs !== 0 && !(change.restores !== undefined && held !== undefined)) {
      // Deleting first moves the key to the end, which keeps the map in order of time.
      this.#ends.delete(change.key);
      this.#ends.set(change.key, this.#ports.monotonicMs() + ttlMs);
    }
    if (held !== undefined && isRefresh(change, held.record)) {
      held.holder = change.holder;
      return this.#done(prev, [], held.record.version);
    }
    return this.#done(prev, [this.#set(change)]);
  }

  /** Ends every entry whose time has come: an ordered, versioned removal like any other. */
  expire(): StateChange {
    const prev = this.top;
    const now = this.#ports.monotonicMs();
    const removals: RemovalRecord[] = [];
    for (const [key, endsAtMs] of this.#ends) {
      if (endsAtMs > now) break;
      const held = this.#entries.get(key);
      if (held !== undefined) removals.push(this.#end(held));
    }
    return this.#done(prev, removals);
  }

  /** The latest value of each key that changed after a position, in order of version; a gap: take a snapshot. */
  read(after: string, bounds: PageBounds): Page {
    return changesAfter(
      {
        top: this.#top,
        journal: this.#journal,
        isLatest: (record) => this.#isLatest(record),
        ignoresTags: this.#faults.has("no-tag-check"),
      },
      after,
      bounds,
    );
  }

  /** All entries, oldest version first. */
  snapshot(): Snapshot {
    return { pos: this.top, records: Array.from(this.#entries.values(), (held) => held.record) };
  }

  #refuseRestoration(change: SetChange, held: Held | undefined): Failure | null {
    const end = this.#tombstones.get(change.key) ?? null;
    return refuseRestoration(change, held === undefined ? null : { ...held.record, holder: held.holder }, end);
  }

  #set(change: SetChange): EntryRecord {
    const at = this.#ports.wallMs();
    const before = this.#advance(change.key, at);
    const version = this.#top.offset;
    const record: EntryRecord = { kind: "entry", key: change.key, version, at, data: change.data, owner: change.owner };
    // Deleting first moves the key to the end, which keeps the map in order of version.
    this.#entries.delete(change.key);
    this.#tombstones.delete(change.key);
    this.#entries.set(change.key, { record, holder: change.holder });
    this.#remember({ record, before });
    return record;
  }

  /** The last session that had to do with a key; null: none, or nothing is known of it. */
  #lastHolder(key: string): string | null {
    if (this.#faults.has("no-session-order")) return null;
    return (this.#entries.get(key) ?? this.#tombstones.get(key))?.holder ?? null;
  }

  #end(
    { record: { key }, holder }: Held,
    { remover = null, isReaped = false }: { readonly remover?: string | null; readonly isReaped?: boolean } = {},
  ): RemovalRecord {
    const before = this.#advance(key, this.#ports.wallMs());
    const record: RemovalRecord = { kind: "removal", key, version: this.#top.offset };
    this.#entries.delete(key);
    this.#ends.delete(key);
    this.#tombstones.set(key, { version: record.version, holder: holderAfter(remover, holder), isReaped });
    this.#remember({ record, before });
    return record;
  }

  #advance(key: string, at: number): string {
    const before = this.#top.tag;
    this.#top = nextPlace(this.#top, key, at, this.#ports.hash);
    return before;
  }

  #remember(entry: StateLink): void {
    this.#journal.push(entry);
    if (this.#journal.length <= this.#journalMax) return;
    const oldest = this.#journal.shift()?.record;
    if (oldest !== undefined && this.#tombstones.get(oldest.key)?.version === oldest.version) {
      this.#tombstones.delete(oldest.key);
    }
  }

  #done(prev: string, records: readonly StateRecord[], version: number = this.#top.offset): StateChange {
    return { ok: true, prev, pos: this.top, version, records };
  }

  /** True for the newest record of its key: older ones are what conflation skips. */
  #isLatest(record: StateRecord): boolean {
    const held = this.#entries.get(record.key);
    if (record.kind === "entry") return held?.record === record;
    return this.#tombstones.get(record.key)?.version === record.version;
  }
}
