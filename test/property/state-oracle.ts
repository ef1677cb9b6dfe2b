import type { ApplyRequest, ApplyResult, ChannelOptions } from "@carillon/server/testing";
import type { Ending } from "./session-book.ts";
import type { ShownEntry } from "./subscriptions.ts";
import { demand } from "./violation.ts";
import type { Shown } from "./wire.ts";

type Change = ApplyRequest["change"];

interface TrueEntry extends ShownEntry {
  readonly holder: string | null;
  readonly endsAtMs: number;
  /** Counts sets, refreshes included. */
  readonly turn: number;
}

interface TrueState {
  readonly options: ChannelOptions;
  readonly entries: Map<string, TrueEntry>;
  /** Who had to do last with what has ended. */
  readonly ended: Map<string, string | null>;
  version: number;
}

/** What the oracle needs to know of the world. */
export interface StateOracleWorld {
  nowMs(): number;
  /** Null while the session is open. */
  endOf(session: string): Ending | null;
  readonly graceMs: number;
  /** Most milliseconds between a decision of the node and its effect in the store. */
  readonly delayMaxMs: number;
  readonly entriesMax: number;
}

/**
 * State channels as they should be: a second, plain implementation of what PROTOCOL.md says about versions, owners,
 * compare-and-set, time to live and grace, which every answer of the real one is held against.
 */
export class StateOracle {
  readonly #states = new Map<string, TrueState>();
  readonly #world: StateOracleWorld;
  #turns = 0;

  constructor(world: StateOracleWorld) {
    this.#world = world;
  }

  opened(channel: string, options: ChannelOptions): void {
    this.#states.set(channel, { options, entries: new Map(), ended: new Map(), version: 0 });
  }

  removed(channel: string): void {
    const state = this.#state(channel);
    state.entries.clear();
    state.ended.clear();
    state.version = 0;
  }

  /** The store answered a change. */
  applied({ channel, change }: ApplyRequest, result: ApplyResult): void {
    const state = this.#state(channel);
    this.#expire(state);
    if (change.op === "release") this.#checkRelease(channel, change);
    const told = result.ok ? "ok" : result.code;
    const refusal = this.#refusal(state, change, told);
    demand(
      told === (refusal?.code ?? "ok"),
      () => `${channel}: ${describe(change)} got ${told}, not ${refusal?.code ?? "ok"}`,
    );
    if (!result.ok)
      return demand(
        result.version === refusal?.version,
        () => `${channel}: ${describe(change)} was told version ${result.version}`,
      );
    const version = this.#change(state, change);
    demand(
      result.version === version,
      () => `${channel}: ${describe(change)} got version ${result.version}, not ${version}`,
    );
  }

  /** What a client that is up to date must see. */
  checkView(who: string, channel: string, seen: ReadonlyMap<string, ShownEntry>): void {
    const state = this.#state(channel);
    this.#expire(state);
    const truth = show(state.entries);
    const shown = show(seen);
    demand(truth === shown, () => `${who}: ${channel} is ${shown}, not ${truth}`);
  }

  /** No entry outlives its session by more than the grace, and none at all outlives a clean leave. */
  checkOwners(): void {
    const { graceMs, delayMaxMs } = this.#world;
    const now = this.#world.nowMs();
    for (const [channel, state] of this.#states) {
      this.#expire(state);
      if (!state.options.owned) continue;
      for (const [key, { holder }] of state.entries) {
        const end = this.#world.endOf(sessionOf(holder));
        if (end === null) continue;
        const allowedMs = (end.isClean ? 0 : graceMs) + delayMaxMs;
        demand(now - end.atMs <= allowedMs, () => `${channel}: ${key} outlives its session by ${now - end.atMs} ms`);
      }
    }
  }

  keys(channel: string): string[] {
    const state = this.#state(channel);
    this.#expire(state);
    return [...state.entries.keys()];
  }

  version(channel: string, key: string): number {
    return this.#state(channel).entries.get(key)?.version ?? 0;
  }

  #checkRelease(channel: string, { holder }: Extract<Change, { op: "release" }>): void {
    const end = this.#world.endOf(sessionOf(holder));
    const { graceMs, delayMaxMs } = this.#world;
    const now = this.#world.nowMs();
    demand(end !== null, () => `${channel}: entries of a session that is open were ended`);
    const late = now - end.atMs - (end.isClean ? 0 : graceMs);
    demand(
      late >= 0 && late <= delayMaxMs,
      () => `${channel}: entries were ended ${now - end.atMs} ms after a ${end.isClean ? "clean" : "unclean"} end`,
    );
  }

  #refusal(
    state: TrueState,
    change: Change,
    told: string,
  ): { readonly code: string; readonly version?: number } | null {
    if (change.op === "release") return null;
    const entry = state.entries.get(change.key);
    if (entry !== undefined && isEarlier(change.holder, entry.holder)) return { code: "replaced" };
    // How far back the journal of a store goes is its own affair.
    const ended = state.ended.get(change.key) ?? null;
    if (entry === undefined && told === "replaced" && isEarlier(change.holder, ended)) return { code: "replaced" };
    const version = entry?.version ?? 0;
    if (change.expect !== null && change.expect !== version) return { code: "conflict", version };
    if (change.op === "set")
      demand(state.options.owned === (change.owner !== null && change.ownOnly), () => "A set that ignores who owns");
    const speaker = change.op === "set" ? change.owner?.instance : change.onlyBy;
    if (state.options.owned && entry !== undefined && entry.owner?.instance !== speaker) return { code: "not_owner" };
    if (change.op === "set" && entry === undefined && state.entries.size >= this.#world.entriesMax)
      return { code: "too_large" };
    return null;
  }

  #change(state: TrueState, change: Change): number {
    if (change.op === "release") {
      const held = [...state.entries].filter(
        ([, { owner, holder }]) => owner?.instance === change.instance && holder === change.holder,
      );
      for (const [key] of held) this.#end(state, key, change.holder);
      return state.version;
    }
    if (change.op === "remove") {
      if (state.entries.has(change.key)) this.#end(state, change.key, change.holder);
      return state.version;
    }
    const { ttlMs } = state.options;
    const endsAtMs = ttlMs === 0 ? Infinity : this.#world.nowMs() + ttlMs;
    const value: Shown = typeof change.data === "string" ? change.data : null;
    const entry = state.entries.get(change.key);
    const isRefresh =
      entry !== undefined &&
      change.owner !== null &&
      entry.owner?.instance === change.owner.instance &&
      entry.value === value;
    const version = isRefresh ? entry.version : ++state.version;
    state.entries.set(change.key, {
      version,
      value,
      owner: change.owner,
      holder: change.holder,
      endsAtMs,
      turn: ++this.#turns,
    });
    return version;
  }

  #expire(state: TrueState): void {
    const now = this.#world.nowMs();
    const due = [...state.entries].filter(([, { endsAtMs }]) => endsAtMs <= now);
    due.sort(([, one], [, other]) => one.endsAtMs - other.endsAtMs || one.turn - other.turn);
    for (const [key] of due) this.#end(state, key);
  }

  #end(state: TrueState, key: string, by: string | null = null): void {
    state.ended.set(key, by ?? state.entries.get(key)?.holder ?? null);
    state.entries.delete(key);
    state.version++;
  }

  #state(channel: string): TrueState {
    const state = this.#states.get(channel);
    demand(state !== undefined, () => `${channel} is not known`);
    return state;
  }
}

/** The session that a holder names. */
function sessionOf(holder: string | null): string {
  return holder?.split("/")[2] ?? "";
}

/** True for a session of the same instance that came before. */
function isEarlier(holder: string | null, than: string | null): boolean {
  const [instance, term] = holder?.split("/") ?? [];
  const [other, otherTerm] = than?.split("/") ?? [];
  return instance !== undefined && instance === other && Number(term) < Number(otherTerm);
}

/** Entries as text, whatever order they came in. */
function show(entries: ReadonlyMap<string, ShownEntry>): string {
  const texts = Array.from(
    entries,
    ([key, { version, value, owner }]) => `${key}@${version}=${value} ${owner?.instance}`,
  );
  return texts.sort((one, other) => (one < other ? -1 : 1)).join(", ");
}

function describe(change: Change): string {
  return change.op === "release" ? "a release" : `${change.op} ${change.key} (expect ${change.expect})`;
}
