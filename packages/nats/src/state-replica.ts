import {
  changesAfter,
  firstPlace,
  formatPlace,
  nextPlace,
  payloadSize,
  Ring,
  type EndedEntry,
  type EntryRecord,
  type Faults,
  type Page,
  type PageBounds,
  type Place,
  type Ports,
  type Snapshot,
  type StateLink,
  type StateRecord,
} from "@carillon/server/backplane";
import { isGone, type CarriedEntry, type StateBlock, type StoredChange, type StoredEntry } from "./block.ts";
import type { KeptBlock } from "./log-assembly.ts";

/** An entry with what only the store needs to know about it. */
export interface Held {
  readonly record: EntryRecord;
  holder: string | null;
  node: string;
  /** Store time at which it ends; 0: never. */
  ends: number;
  /** The message that it was last stored in. */
  seq: number;
}

interface Change extends StateLink {
  readonly seq: number;
}

/** What one block came to. */
export interface StateStep {
  readonly prev: string;
  readonly pos: string;
  readonly records: readonly StateRecord[];
  readonly isBirth: boolean;
}

/** What a replica of a state needs of its store. */
export interface StateContext {
  readonly ports: Ports;
  readonly faults: Faults;
  /** Changes remembered for those who come back. */
  readonly journalMax: number;
}

/**
 * A state channel as this node knows it: what its blocks come to, read in order. Always whole.
 *
 * Invariants: entries are in the order of their versions; the journal is contiguous and ends at the top; every entry
 * knows the message that it is stored in, so that the oldest messages can go once nothing in them is needed.
 */
export class StateReplica {
  readonly kind = "state" as const;
  seq = 0;
  nonce = "";
  at = 0;
  bytes = 0;
  /** Messages of the subject. */
  messages = 0;
  #top: Place = firstPlace("");
  #entries = new Map<string, Held>();
  readonly #journal = new Ring<Change>();
  /** The removals in the journal whose keys have not come back. */
  readonly #tombstones = new Map<string, EndedEntry>();
  /** When entries end, the next one first: all entries of a channel live equally long. */
  readonly #ends = new Map<string, number>();
  /** How many owned entries each node speaks for. */
  readonly #nodes = new Map<string, number>();
  readonly #context: StateContext;

  constructor(context: StateContext) {
    this.#context = context;
  }

  /** What the blocks of a subject come to, read in order. Null if there is none. */
  static load(context: StateContext, blocks: readonly KeptBlock<StateBlock>[]): StateReplica | null {
    const [first] = blocks;
    if (first === undefined) return null;
    const replica = new StateReplica(context);
    const { epoch, offset, tag } = first.block;
    replica.#top = { epoch, offset, tag };
    for (const { seq, block } of blocks) {
      // Blocks are stored only on top of their predecessors, so this can't be; what links is what there is.
      if (replica.apply(seq, block) === null) return null;
    }
    replica.#entries = new Map([...replica.#entries].toSorted(([, a], [, b]) => a.record.version - b.record.version));
    return replica;
  }

  /** Holds nothing outside of itself. */
  close(): void {}

  /** The place after the newest change. */
  get place(): Place {
    return this.#top;
  }

  /** The same as a position. */
  get top(): string {
    return formatPlace(this.#top);
  }

  /** How many entries it has. */
  get size(): number {
    return this.#entries.size;
  }

  /** Nodes that speak for owners of entries. */
  get nodes(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  /** One entry. */
  held(key: string): Held | undefined {
    return this.#entries.get(key);
  }

  /** How the last entry of a key ended, as far as the journal knows; null: there is one, or nothing is known. */
  endOf(key: string): EndedEntry | null {
    return this.#tombstones.get(key) ?? null;
  }

  /** All entries, oldest version first. */
  entries(): Iterable<Held> {
    return this.#entries.values();
  }

  /** Store time at which the next entry ends; null: none does by itself. */
  get nextEnd(): number | null {
    for (const ends of this.#ends.values()) return ends;
    return null;
  }

  /** Applies the next block; null if it does not link, and nothing has changed then. */
  apply(seq: number, block: StateBlock): StateStep | null {
    const prev = this.top;
    if (block.isBirth) this.#begin(block);
    else if (!this.#continues(block)) return null;
    for (const { key, holder, node, ends } of block.refreshes) {
      const held = this.#entries.get(key);
      if (held === undefined) continue;
      this.#count(held, -1);
      Object.assign(held, { holder, node, ends, seq });
      this.#count(held, 1);
      this.#end(key, ends);
    }
    const records = block.changes.map((change) => this.#change(seq, block.nonce, change));
    for (const entry of block.carried) this.#carry(seq, entry);
    this.seq = seq;
    this.nonce = block.nonce;
    this.at = Math.max(this.at, block.at);
    this.messages++;
    return { prev, pos: this.top, records, isBirth: block.isBirth };
  }

  /** The latest value of each key that changed after a position, in order of version; a gap: take a snapshot. */
  read(after: string, bounds: PageBounds): Page {
    return changesAfter(
      {
        top: this.#top,
        journal: this.#journal,
        isLatest: (record) => this.#isLatest(record),
        ignoresTags: this.#context.faults.has("no-tag-check"),
      },
      after,
      bounds,
    );
  }

  /** All entries, oldest version first. */
  snapshot(): Snapshot {
    return { pos: this.top, records: Array.from(this.#entries.values(), ({ record }) => record) };
  }

  /** The first message that the journal needs, and the entries that are stored before it. */
  leftBehind(): { readonly firstKept: number; readonly entries: readonly CarriedEntry[] } {
    const firstKept = this.#journal.first?.seq ?? this.seq;
    const entries = [...this.#entries.values()].filter(({ seq }) => seq < firstKept).map(carried);
    return { firstKept, entries };
  }

  #begin(block: StateBlock): void {
    this.#entries.clear();
    this.#tombstones.clear();
    this.#nodes.clear();
    this.#ends.clear();
    for (let change = this.#journal.shift(); change !== undefined; change = this.#journal.shift());
    this.bytes = 0;
    this.#top = firstPlace(block.epoch);
  }

  #continues({ epoch, offset, tag, after }: StateBlock): boolean {
    const { epoch: present, offset: version, tag: top } = this.#top;
    return epoch === present && offset === version && tag === top && (this.nonce === "" || after === this.nonce);
  }

  /** Deleting first moves the key to the end, which keeps the map in order of time. */
  #end(key: string, ends: number): void {
    this.#ends.delete(key);
    if (ends !== 0) this.#ends.set(key, ends);
  }

  #change(seq: number, nonce: string, change: StoredChange): StateRecord {
    const before = this.#top.tag;
    this.#top = changed(this.#top, nonce, change, this.#context.ports);
    const version = this.#top.offset;
    this.#drop(change.key);
    this.#tombstones.delete(change.key);
    const record: StateRecord = isGone(change)
      ? { kind: "removal", key: change.key, version }
      : entryRecord(change, version);
    if (isGone(change)) {
      const { key, holder = null, isReaped = false } = change;
      this.#tombstones.set(key, { version, holder, isReaped });
    } else this.#hold(seq, change, version);
    this.#remember({ record, before, seq });
    return record.kind === "entry" ? (this.#entries.get(change.key)?.record ?? record) : record;
  }

  /** An entry that is known has only moved; otherwise this is where it is first met. */
  #carry(seq: number, entry: CarriedEntry): void {
    const held = this.#entries.get(entry.key);
    if (held === undefined) this.#hold(seq, entry, entry.version);
    else held.seq = seq;
  }

  #hold(seq: number, entry: StoredEntry, version: number): void {
    const { holder, node, ends } = entry;
    const held: Held = { record: entryRecord(entry, version), holder, node, ends, seq };
    this.#entries.set(entry.key, held);
    this.bytes += payloadSize(entry.data);
    this.#count(held, 1);
    this.#end(entry.key, ends);
  }

  #drop(key: string): void {
    const held = this.#entries.get(key);
    if (held === undefined) return;
    this.#entries.delete(key);
    this.#ends.delete(key);
    this.bytes -= payloadSize(held.record.data);
    this.#count(held, -1);
  }

  #count({ record, node }: Held, by: number): void {
    if (record.owner === null) return;
    const count = (this.#nodes.get(node) ?? 0) + by;
    if (count === 0) this.#nodes.delete(node);
    else this.#nodes.set(node, count);
  }

  #remember(change: Change): void {
    this.#journal.push(change);
    if (this.#journal.length <= this.#context.journalMax) return;
    const oldest = this.#journal.shift()?.record;
    if (oldest !== undefined && this.#tombstones.get(oldest.key)?.version === oldest.version) {
      this.#tombstones.delete(oldest.key);
    }
  }

  /** True for the newest record of its key: older ones are what conflation skips. */
  #isLatest(record: StateRecord): boolean {
    if (record.kind === "entry") return this.#entries.get(record.key)?.record.version === record.version;
    return this.#tombstones.get(record.key)?.version === record.version;
  }
}

/** The place after one more change. */
export function changed(place: Place, nonce: string, { key, at }: StoredChange, ports: Ports): Place {
  return nextPlace(place, `${key} ${nonce}`, at, ports.hash);
}

function entryRecord({ key, at, data, owner }: StoredEntry, version: number): EntryRecord {
  return { kind: "entry", key, version, at, data, owner };
}

function carried({ record, holder, node, ends }: Held): CarriedEntry {
  const { key, version, at, data, owner } = record;
  return { key, version, at, data, owner, holder, node, ends };
}
