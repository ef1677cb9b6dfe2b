import {
  holderAfter,
  isRefresh,
  refuseChange,
  refuseRestoration,
  formatPlace,
  type ApplyRequest,
  type ApplyResult,
  type EndedEntry,
  type EntryChange,
  type Place,
  type Ports,
  type SetChange,
} from "@carillon/server/backplane";
import { isGone, type Refresh, type StateBlock, type StoredChange, type StoredEntry } from "./block.ts";
import { changed, type Held, type StateReplica } from "./state-replica.ts";

/** What a draft needs of its store. */
export interface StateDraftContext {
  readonly ports: Ports;
  /** This node, which speaks for the holders of what is set. */
  readonly node: string;
  readonly entriesMax: number;
  /** Store time, not before the channel's latest. */
  readonly now: number;
}

/** How entries are ended. */
export interface EndOptions {
  /** For the silence of their node: its sessions may set them again. */
  readonly isReaped?: boolean;
  readonly max?: number;
}

/** How one entry is ended: by a session that asked for it, if any, or for the silence of its node. */
interface EntryEnding {
  readonly remover?: string | null;
  readonly isReaped?: boolean;
}

/** An entry as it will be after the block. */
interface Drafted extends StoredEntry {
  readonly version: number;
}

/**
 * One block of a state channel in the making: changes judged by the replica and by what is in the block before them. See
 * LogDraft.
 */
export class StateDraft {
  readonly results: ApplyResult[] = [];
  readonly #replica: StateReplica;
  readonly #context: StateDraftContext;
  readonly #nonce: string;
  readonly #start: Place;
  readonly #changes: StoredChange[] = [];
  readonly #refreshes = new Map<string, Refresh>();
  /** What differs from the replica; null: it is gone. */
  readonly #entries = new Map<string, Drafted | null>();
  #place: Place;
  #size: number;

  constructor(replica: StateReplica, context: StateDraftContext) {
    this.#replica = replica;
    this.#context = context;
    this.#nonce = context.ports.id();
    this.#start = replica.place;
    this.#place = replica.place;
    this.#size = replica.size;
  }

  /** True: nothing is to be stored. */
  get isEmpty(): boolean {
    return this.#changes.length === 0 && this.#refreshes.size === 0;
  }

  /** Judges one request, and takes it into the block if it is good. */
  add({ change, options }: ApplyRequest): void {
    if (change.op !== "release") this.results.push(this.#one(change, options.ttlMs));
    else {
      const isHeld = (entry: StoredEntry): boolean =>
        entry.owner?.instance === change.instance && entry.holder === change.holder;
      this.endWhere(isHeld, { isReaped: change.isReaping === true });
      this.results.push(this.#done());
    }
  }

  /** Ends entries, each as a change of its own; not more than `max`. */
  endWhere(isOver: (entry: StoredEntry) => boolean, { isReaped = false, max = Infinity }: EndOptions = {}): void {
    let left = max;
    const end = (entry: StoredEntry): void => {
      this.#end(entry, { isReaped });
      left--;
    };
    for (const held of this.#replica.entries()) {
      if (left === 0) return;
      if (this.#entries.has(held.record.key)) continue;
      const entry = draftOf(held);
      if (isOver(entry)) end(entry);
    }
    for (const entry of this.#entries.values()) if (left > 0 && entry !== null && isOver(entry)) end(entry);
  }

  /** The block to store. */
  block(): StateBlock {
    const { epoch, offset, tag } = this.#start;
    return {
      kind: "state",
      epoch,
      nonce: this.#nonce,
      after: this.#replica.nonce,
      at: this.#context.now,
      isBirth: false,
      offset,
      tag,
      refreshes: [...this.#refreshes.values()],
      changes: this.#changes,
      carried: [],
    };
  }

  #one(change: EntryChange, ttlMs: number): ApplyResult {
    const entry = this.#entry(change.key);
    const ended = entry === null ? this.#endOf(change.key) : null;
    const last = (entry ?? ended)?.holder ?? null;
    const refusal = refuseChange(change, entry, last, this.#size, this.#context.entriesMax);
    if (refusal !== null) return refusal;
    if (change.op === "remove") {
      if (entry !== null) this.#end(entry, { remover: change.holder });
      // Somebody wants it gone: it is not set again by a node that comes back.
      else if (ended?.isReaped === true) this.#change(this.#gone(change.key, change.holder ?? ended.holder, false));
      return this.#done();
    }
    const refused = refuseRestoration(change, entry, ended);
    if (refused !== null) return refused;
    return this.#setAs(change, entry, ttlMs);
  }

  #setAs(change: SetChange, entry: Drafted | null, ttlMs: number): ApplyResult {
    const { now, node } = this.#context;
    const isKept = change.restores !== undefined && entry !== null;
    const ends = isKept ? entry.ends : ttlMs === 0 ? 0 : now + ttlMs;
    if (entry !== null && isRefresh(change, entry)) {
      if (isKept && entry.node === node) return this.#done(entry.version);
      this.#refresh(change, entry, { key: change.key, holder: change.holder, node, ends });
      return this.#done(entry.version);
    }
    this.#set(change, ends, entry === null);
    return this.#done();
  }

  #set({ key, data, owner, holder }: SetChange, ends: number, isNew: boolean): void {
    const { now, node } = this.#context;
    const stored: StoredEntry = { key, at: now, data, owner, holder, node, ends };
    this.#change(stored);
    this.#entries.set(key, { ...stored, version: this.#place.offset });
    if (isNew) this.#size++;
  }

  /** A refresh of what this block has set itself is part of that change. */
  #refresh({ holder }: SetChange, entry: Drafted, refresh: Refresh): void {
    const index = this.#changes.findLastIndex(({ key }) => key === refresh.key);
    const { node, ends } = refresh;
    const { version, ...stored } = entry;
    const next = { ...stored, holder, node, ends };
    if (index === -1) this.#refreshes.set(refresh.key, refresh);
    else this.#changes[index] = next;
    this.#entries.set(refresh.key, { ...next, version });
  }

  #end({ key, holder }: StoredEntry, { remover = null, isReaped = false }: EntryEnding): void {
    this.#change(this.#gone(key, holderAfter(remover, holder), isReaped));
    this.#entries.set(key, null);
    this.#size--;
  }

  #gone(key: string, holder: string | null, isReaped: boolean): StoredChange {
    const known = holder === null ? {} : { holder };
    return { key, at: this.#context.now, isGone: true, ...known, ...(isReaped ? { isReaped } : {}) };
  }

  /** How the last entry of a key ended, in this block or before it. */
  #endOf(key: string): EndedEntry | null {
    const index = this.#changes.findLastIndex((change) => change.key === key);
    const last = this.#changes[index];
    if (last === undefined) return this.#replica.endOf(key);
    if (!isGone(last)) return null;
    // Each change takes the next version.
    const { holder = null, isReaped = false } = last;
    return { version: this.#start.offset + index + 1, holder, isReaped };
  }

  #change(change: StoredChange): void {
    this.#place = changed(this.#place, this.#nonce, change, this.#context.ports);
    this.#changes.push(change);
  }

  #entry(key: string): Drafted | null {
    const drafted = this.#entries.get(key);
    if (drafted !== undefined) return drafted;
    const held = this.#replica.held(key);
    return held === undefined ? null : draftOf(held);
  }

  #done(version: number = this.#place.offset): ApplyResult {
    return { ok: true, pos: formatPlace(this.#place), version };
  }
}

function draftOf({ record, holder, node, ends }: Held): Drafted {
  const { key, version, at, data, owner } = record;
  return { key, version, at, data, owner, holder, node, ends };
}
