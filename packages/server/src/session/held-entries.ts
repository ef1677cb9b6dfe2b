import { RETRYABLE_CODES, type Publisher } from "@carillon/protocol";
import type { ApplyRequest, ApplyResult, Failure } from "../backplane/channel-store.ts";
import type { Payload } from "../backplane/records.ts";
import type { Limits } from "../core/limits.ts";
import type { Ports } from "../core/ports.ts";
import { SmallMap } from "../core/small-map.ts";
import type { Target } from "../policy/target.ts";

/** What held entries need of their session. */
export interface HeldEntriesOwner {
  /** Id of the session. */
  readonly id: string;
  readonly publisher: Publisher;
  readonly limits: Limits;
  readonly ports: Pick<Ports, "monotonicMs">;
  /** True: the store may lose entries while the session lives, so their values are remembered here. */
  readonly remembers: boolean;
  /** Lost entries can be set again now: what held them up is over. */
  readonly restorable: () => void;
  /** Lost entries can't be set again from here: more is owned than is remembered, or the store refuses, though they are due. */
  readonly unrestorable: () => void;
}

/** Told how a change that the client asked for ended. */
export type ChangeEnded = (result: ApplyResult) => void;

/** One entry, by the value that it had last. */
interface HeldEntry {
  readonly key: string;
  /** Null: no set has succeeded yet. */
  data: Payload;
  /** Version that it got then. */
  version: number;
  /** Monotonic time of the last set, for its TTL. */
  setAtMs: number;
  /** Changes by the client whose result is not known yet. */
  underWay: number;
  /** It may have ended in the store, and is to be set again. */
  isLost: boolean;
}

interface HeldChannel {
  readonly target: Target;
  /** In the order in which they were set; few. */
  readonly entries: HeldEntry[];
}

/**
 * What a session holds for its instance in state channels: where, so that it ends with the session; and, over stores that
 * many nodes share, with which values, so that the node can set it again when it was taken for dead, or the store went
 * back. Bounded in number and size: a session that holds more is ended when something of it is lost, with a code after
 * which its client comes back and sets everything again itself.
 */
export class HeldEntries {
  readonly #owner: HeldEntriesOwner;
  readonly #channels = new SmallMap<HeldChannel>();
  #count = 0;
  #chars = 0;
  /** More was set than is remembered: nothing is, from then on. */
  #isOverfull = false;

  constructor(owner: HeldEntriesOwner) {
    this.#owner = owner;
  }

  /** Channels where the instance may own entries. */
  get targets(): readonly Target[] {
    return this.#channels.values().map(({ target }) => target);
  }

  /** The client sets an entry. What is returned has to be told the result. */
  setting(target: Target, key: string, data: Payload): ChangeEnded {
    const channel = this.#channels.get(target.name) ?? { target, entries: [] };
    this.#channels.set(target.name, channel);
    if (!this.#owner.remembers || this.#isOverfull) return ignore;
    const entry = find(channel, key) ?? this.#add(channel, key);
    entry.underWay++;
    return (result) => {
      entry.underWay--;
      if (result.ok) this.#wasSet(channel, entry, data, result.version);
      else if (!RETRYABLE_CODES.includes(result.code) && result.code !== "conflict" && result.code !== "too_large") {
        // It belongs to somebody else by now.
        this.#drop(channel, entry);
      }
      this.#settled(channel, entry);
    };
  }

  /** The client removes an entry. What is returned has to be told the result. */
  removing(target: Target, key: string): ChangeEnded {
    const channel = this.#channels.get(target.name);
    const entry = channel === undefined ? undefined : find(channel, key);
    if (channel === undefined || entry === undefined) return ignore;
    entry.underWay++;
    return (result) => {
      entry.underWay--;
      if (result.ok) this.#drop(channel, entry);
      this.#settled(channel, entry);
    };
  }

  /**
   * Entries in these channels, or all, may have ended in the store. `ok`: they can be set again from here, or there are
   * none; otherwise the client has to.
   */
  lost(channels: ReadonlySet<string> | null): { readonly ok: boolean; readonly isAny: boolean } {
    let isAny = false;
    for (const { target, entries } of this.#channels.values()) {
      if (channels !== null && !channels.has(target.name)) continue;
      if (this.#isOverfull) return { ok: false, isAny: true };
      for (const entry of entries) {
        entry.isLost = true;
        isAny = true;
      }
    }
    return { ok: true, isAny };
  }

  /** True while something is to be set again. */
  get hasLost(): boolean {
    return this.#channels.values().some(({ entries }) => entries.some(({ isLost }) => isLost));
  }

  /** The changes that set again what was lost, oldest first in each channel; those with a change under way come later. */
  restorations(): ApplyRequest[] {
    const requests: ApplyRequest[] = [];
    for (const channel of this.#channels.values()) {
      this.#expire(channel);
      for (const entry of channel.entries) {
        if (!entry.isLost || entry.underWay > 0) continue;
        entry.isLost = false;
        requests.push(this.#restoration(channel, entry));
      }
    }
    return requests;
  }

  #restoration(channel: HeldChannel, entry: HeldEntry): ApplyRequest {
    const { target } = channel;
    const { publisher: owner, id: holder } = this.#owner;
    const { key, data, version } = entry;
    return {
      channel: target.name,
      options: target.options,
      change: { op: "set", key, data, expect: null, owner, holder, ownOnly: true, restores: version },
      done: (result) => {
        if (!channel.entries.includes(entry)) return;
        if (result.ok) {
          if (entry.data === data) entry.version = result.version;
          return;
        }
        if (RETRYABLE_CODES.includes(result.code)) entry.isLost = true;
        // What the client changes meanwhile may fail, and leave it as it is.
        else if (entry.underWay > 0) entry.isLost = true;
        // The client has set it anew since.
        else if (entry.data !== data) return;
        // Somebody ended it, or has taken it over.
        else if (isOfNobodyElse(result)) this.#owner.unrestorable();
        else this.#drop(channel, entry);
      },
    };
  }

  #add(channel: HeldChannel, key: string): HeldEntry {
    const entry: HeldEntry = { key, data: null, version: 0, setAtMs: 0, underWay: 0, isLost: false };
    channel.entries.push(entry);
    this.#count++;
    return entry;
  }

  #wasSet(channel: HeldChannel, entry: HeldEntry, data: Payload, version: number): void {
    if (this.#isOverfull) return;
    const index = channel.entries.indexOf(entry);
    if (index === -1) this.#count++;
    else {
      channel.entries.splice(index, 1);
      this.#chars -= entry.data?.length ?? 0;
    }
    channel.entries.push(entry);
    entry.data = owned(data);
    entry.version = version;
    entry.setAtMs = this.#owner.ports.monotonicMs();
    this.#chars += data?.length ?? 0;
    const { ownEntriesPerSession, ownEntryChars } = this.#owner.limits;
    const isOver = (): boolean => this.#count > ownEntriesPerSession || this.#chars > ownEntryChars;
    if (!isOver()) return;
    for (const other of this.#channels.values()) this.#expire(other);
    if (!isOver()) return;
    const { hasLost } = this;
    this.#isOverfull = true;
    for (const { entries } of this.#channels.values()) entries.length = 0;
    if (hasLost) this.#owner.unrestorable();
  }

  /** Forgets what has ended by its time. */
  #expire(channel: HeldChannel): void {
    const { ttlMs } = channel.target.options;
    if (ttlMs === 0) return;
    const now = this.#owner.ports.monotonicMs();
    const over = channel.entries.filter(({ underWay, setAtMs }) => underWay === 0 && setAtMs + ttlMs <= now);
    for (const entry of over) this.#drop(channel, entry);
  }

  #drop(channel: HeldChannel, entry: HeldEntry): void {
    const index = channel.entries.indexOf(entry);
    if (index === -1) return;
    channel.entries.splice(index, 1);
    this.#count--;
    this.#chars -= entry.data?.length ?? 0;
    entry.data = null;
    entry.isLost = false;
  }

  #settled(channel: HeldChannel, entry: HeldEntry): void {
    if (entry.underWay > 0) return;
    // Never set, and nothing under way that could: there is nothing to remember.
    if (entry.data === null) this.#drop(channel, entry);
    else if (entry.isLost) this.#owner.restorable();
  }
}

function find({ entries }: HeldChannel, key: string): HeldEntry | undefined {
  return entries.find((entry) => entry.key === key);
}

/**
 * True unless the entry was ended, or belongs to another instance. A conflict over one that is there means another session
 * of the same instance: a later one, and then this session is of no use any more; or an earlier one, to which a store that
 * went back has given it again, and then it ends with that. Only the client knows how things should be.
 */
function isOfNobodyElse({ code, version = 0 }: Failure): boolean {
  return code === "conflict" ? version !== 0 : code !== "not_owner";
}

/** Bytes by themselves: what they were read from may be a whole frame. */
function owned(data: Payload): Payload {
  return data === null || typeof data === "string" || data.byteLength === data.buffer.byteLength
    ? data
    : Uint8Array.from(data);
}

function ignore(): void {}
