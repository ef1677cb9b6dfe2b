import { RETRYABLE_CODES, type Publisher } from "@carillon/protocol";
import type { ApplyRequest, ApplyResult, Failure } from "../backplane/channel-store.ts";
import type { Payload } from "../backplane/records.ts";
import type { Limits } from "../core/limits.ts";
import type { Ports } from "../core/ports.ts";
import { SmallMap } from "../core/small-map.ts";
import type { Target } from "../policy/target.ts";

/** What held entries need of their session. */
export interface HeldEntriesOwner {
  /** The session, as stores know it. */
  readonly holder: string;
  readonly publisher: Publisher;
  readonly limits: Limits;
  readonly ports: Pick<Ports, "monotonicMs">;
  /** True: the store may lose entries while the session lives, so their values are remembered here. */
  readonly remembers: boolean;
  /** Lost entries can be set again now: what held them up is over. */
  readonly restorable: () => void;
  /** Lost entries can't be set again from here: more is owned than is remembered, or the store refuses, though they are due. */
  readonly unrestorable: () => void;
  /** A later session of the instance has set what this one held. */
  readonly replaced: () => void;
}

/** Told how a change that the client asked for ended. */
export type ChangeEnded = (result: ApplyResult) => void;

/** One entry, by the value that it had last. */
interface HeldEntry {
  readonly key: string;
  /** Null: it is not remembered, or no set has succeeded yet. */
  data: Payload;
  /** Version that it got then; 0: no set has succeeded yet. */
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
  /** It may have others: of a set nobody knows what came of it, or there were too many. So it is kept until the end. */
  isVague: boolean;
}

/**
 * What a session holds for its instance in state channels: where, so that it ends with the session; and, over stores that
 * many nodes share, with which values, so that the node can set it again when it was taken for dead, or the store went
 * back. Bounded in number and size: a session that holds more is ended when something of it is lost, with a code after
 * which its client comes back and sets everything again itself. A channel is forgotten when nothing is held in it any
 * more, and there are not more than so many.
 */
export class HeldEntries {
  readonly #owner: HeldEntriesOwner;
  readonly #channels = new SmallMap<HeldChannel>();
  #count = 0;
  #chars = 0;
  /** More was set than is remembered: nothing is, from then on. */
  #isOverfull = false;
  /** With so many channels, those whose entries have ended by their time are looked for. */
  #sweepAt = SWEEP_MIN;

  constructor(owner: HeldEntriesOwner) {
    this.#owner = owner;
  }

  /** Channels where the instance may own entries. */
  get targets(): readonly Target[] {
    return this.#channels.values().map(({ target }) => target);
  }

  /** The client sets an entry. What is returned has to be told the result; a failure: there is no room for its channel. */
  setting(target: Target, key: string, data: Payload): ChangeEnded | Failure {
    const channel = this.#channels.get(target.name) ?? this.#open(target);
    if ("code" in channel) return channel;
    if (this.#isOverfull) return ignore;
    const entry = find(channel, key) ?? this.#add(channel, key);
    entry.underWay++;
    return (result) => {
      entry.underWay--;
      if (result.ok) this.#wasSet(channel, entry, data, result.version);
      else {
        if (!DECIDED.includes(result.code)) channel.isVague = true;
        // It belongs to somebody else by now.
        if (!LEAVES_IT.includes(result.code)) this.#empty(entry);
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
      if (result.ok) this.#empty(entry);
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
    const { publisher: owner, holder } = this.#owner;
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
        if (result.code === "replaced") this.#owner.replaced();
        else if (RETRYABLE_CODES.includes(result.code)) entry.isLost = true;
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

  #open(target: Target): HeldChannel | Failure {
    const max = this.#owner.limits.ownChannelsPerSession;
    if (this.#channels.size >= Math.min(this.#sweepAt, max)) {
      for (const channel of this.#channels.values()) this.#expire(channel);
      this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#channels.size);
    }
    if (this.#channels.size >= max) {
      const message = `Expected entries of one connection in at most ${max} channels at a time; remove some first.`;
      return { ok: false, code: "too_large", message };
    }
    const channel: HeldChannel = { target, entries: [], isVague: this.#isOverfull };
    this.#channels.set(target.name, channel);
    return channel;
  }

  #add(channel: HeldChannel, key: string): HeldEntry {
    const entry: HeldEntry = { key, data: null, version: 0, setAtMs: 0, underWay: 0, isLost: false };
    channel.entries.push(entry);
    this.#count++;
    return entry;
  }

  #wasSet(channel: HeldChannel, entry: HeldEntry, data: Payload, version: number): void {
    if (this.#isOverfull) return;
    const { entries } = channel;
    entries.splice(entries.indexOf(entry), 1);
    entries.push(entry);
    this.#chars -= entry.data?.length ?? 0;
    entry.data = this.#owner.remembers ? owned(data) : null;
    this.#chars += entry.data?.length ?? 0;
    entry.version = version;
    entry.setAtMs = this.#owner.ports.monotonicMs();
    const { ownEntriesPerSession, ownEntryChars } = this.#owner.limits;
    const isOver = (): boolean => this.#count > ownEntriesPerSession || this.#chars > ownEntryChars;
    if (!isOver()) return;
    for (const other of this.#channels.values()) this.#expire(other);
    if (!isOver()) return;
    const { hasLost } = this;
    this.#isOverfull = true;
    for (const other of this.#channels.values()) {
      other.entries.length = 0;
      other.isVague = true;
    }
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
    this.#empty(entry);
    if (channel.entries.length === 0 && !channel.isVague) this.#channels.delete(channel.target.name);
  }

  /** Nothing that was set is there any more; what is under way may set it again. */
  #empty(entry: HeldEntry): void {
    this.#chars -= entry.data?.length ?? 0;
    entry.data = null;
    entry.version = 0;
    entry.isLost = false;
  }

  #settled(channel: HeldChannel, entry: HeldEntry): void {
    if (entry.underWay > 0) return;
    // Never set, and nothing under way that could: there is nothing to remember.
    if (entry.version === 0) this.#drop(channel, entry);
    else if (entry.isLost) this.#owner.restorable();
  }
}

function find({ entries }: HeldChannel, key: string): HeldEntry | undefined {
  return entries.find((entry) => entry.key === key);
}

/** With so many channels at least, expired ones are looked for. */
const SWEEP_MIN = 16;
/** Failures of a set after which it is known that nothing of it is stored, nor will be. */
const DECIDED: readonly string[] = ["wrong_kind", "conflict", "not_owner", "too_large", "replaced"];
/** Failures of a set that say nothing against what was set before. */
const LEAVES_IT: readonly string[] = [...RETRYABLE_CODES, "conflict", "too_large"];

/**
 * True unless the entry was ended, or belongs to another instance. A conflict over one that is there means another session
 * of the same instance, neither earlier nor later: one credential was used twice. Only the client knows how things
 * should be.
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
