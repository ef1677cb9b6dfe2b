import {
  compilePatterns,
  presenceChannel,
  presenceParent,
  type ChannelSpec,
  type Contract,
  type Patterns,
  type Schema,
  type Upgrade,
} from "@carillon/protocol";
import type { ChannelOptions } from "../backplane/channel-store.ts";

/** A channel name with everything that the contract says about it. */
export interface Target {
  readonly name: string;
  readonly pattern: string;
  /** Made anew whenever it is asked for: only rules want it, once per session and channel. */
  readonly params: Readonly<Record<string, string>>;
  readonly options: ChannelOptions;
  /** Schema of publications, values or members. */
  readonly schema: Schema;
  /** Version that stored data is written under. */
  readonly version: number;
  /** How long deliveries may be held back to go out together; 0: to the end of the tick. */
  readonly coalesceMs: number;
  /** The channel whose grant decides: the parent for a presence channel, itself otherwise. */
  readonly grantedBy: string;
  readonly isPresence: boolean;
}

/** Half of the names whose target is remembered. Each costs some hundred bytes; a name that was forgotten is parsed again. */
const REMEMBERED_MAX = 16_384;

/**
 * Channels of a contract, found by name. Parsed once here: whoever guards and whoever routes see the same value. The
 * names that were asked for last are remembered, so that subscribers share one target and a publish need not parse.
 */
export class Targets {
  /** True if a pattern has an `upgrade`: without one, stored data is always as it was stored. */
  readonly hasUpgrades: boolean;
  readonly #contract: Contract;
  readonly #patterns: Patterns;
  readonly #optionsByPattern = new Map<string, ChannelOptions>();
  #remembered = new Map<string, Target>();
  /** What was remembered until there were too many: it goes when there are too many again, unless it is asked for. */
  #rememberedBefore = new Map<string, Target>();

  constructor(contract: Contract) {
    this.#contract = contract;
    this.hasUpgrades = Object.values(contract.channels).some((spec) => spec.kind === "log" && spec.upgrade !== null);
    this.#patterns = compilePatterns(Object.keys(contract.channels));
    for (const [pattern, spec] of Object.entries(contract.channels))
      this.#optionsByPattern.set(pattern, optionsOf(spec));
  }

  /** What a name stands for; null when no pattern matches it, or when it asks for a presence that is not there. */
  find(name: string): Target | null {
    const known = this.#remembered.get(name);
    if (known !== undefined) return known;
    const target = this.#rememberedBefore.get(name) ?? this.#parse(name);
    if (target !== null) this.#remember(target);
    return target;
  }

  /** What brings data that was stored under an earlier version to the present form; null when there can be none. */
  upgradeOf({ pattern, isPresence }: Target): Upgrade | null {
    const spec = isPresence ? undefined : this.#contract.channels[pattern];
    return spec?.kind === "log" ? spec.upgrade : null;
  }

  /** The members of a channel; null when its pattern has no presence. */
  presenceOf(name: string): Target | null {
    return this.find(presenceChannel(name));
  }

  #remember(target: Target): void {
    if (this.#remembered.size >= REMEMBERED_MAX) {
      this.#rememberedBefore = this.#remembered;
      this.#remembered = new Map();
    }
    this.#remembered.set(target.name, target);
  }

  #parse(name: string): Target | null {
    const parent = presenceParent(name);
    const match = this.#patterns.match(parent ?? name);
    const spec = match === null ? undefined : this.#contract.channels[match.pattern];
    const options = match === null ? undefined : this.#optionsByPattern.get(match.pattern);
    if (match === null || spec === undefined || options === undefined) return null;
    const { pattern } = match;
    if (parent === null) {
      const schema = spec.kind === "log" ? spec.data : spec.value;
      const version = spec.kind === "log" ? spec.version : 1;
      const coalesceMs = spec.coalesceMs ?? 0;
      return new NamedTarget(this.#patterns, {
        name,
        pattern,
        grantedBy: name,
        options,
        schema,
        version,
        coalesceMs,
        isPresence: false,
      });
    }
    if (spec.kind !== "log" || spec.presence === undefined) return null;
    const schema = spec.presence;
    return new NamedTarget(this.#patterns, {
      name,
      pattern,
      grantedBy: parent,
      options: PRESENCE,
      schema,
      version: 1,
      coalesceMs: 0,
      isPresence: true,
    });
  }
}

class NamedTarget implements Target {
  readonly name: string;
  readonly pattern: string;
  readonly options: ChannelOptions;
  readonly schema: Schema;
  readonly version: number;
  readonly coalesceMs: number;
  readonly grantedBy: string;
  readonly isPresence: boolean;
  readonly #patterns: Patterns;

  constructor(patterns: Patterns, target: Omit<Target, "params">) {
    this.name = target.name;
    this.pattern = target.pattern;
    this.options = target.options;
    this.schema = target.schema;
    this.version = target.version;
    this.coalesceMs = target.coalesceMs;
    this.grantedBy = target.grantedBy;
    this.isPresence = target.isPresence;
    this.#patterns = patterns;
  }

  get params(): Readonly<Record<string, string>> {
    return this.#patterns.match(this.grantedBy)?.params ?? {};
  }
}

const PRESENCE: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: true };

function optionsOf(spec: ChannelSpec): ChannelOptions {
  if (spec.kind === "log") {
    const { historySize, historyTtlMs } = spec;
    return { kind: "log", historySize, historyTtlMs, ttlMs: 0, owned: false };
  }
  return { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: spec.ttlMs ?? 0, owned: spec.owned };
}
