import {
  compilePatterns,
  presenceChannel,
  presenceParent,
  type ChannelSpec,
  type Contract,
  type Patterns,
  type Schema,
} from "@carillon/protocol";
import type { ChannelOptions } from "../backplane/channel-store.ts";

/** A channel name with everything that the contract says about it. */
export interface Target {
  readonly name: string;
  readonly pattern: string;
  readonly params: Readonly<Record<string, string>>;
  readonly options: ChannelOptions;
  /** Schema of publications, values or members. */
  readonly schema: Schema;
  /** Version that stored data is written under. */
  readonly version: number;
  readonly coalesceMs: number;
  /** The channel whose grant decides: the parent for a presence channel, itself otherwise. */
  readonly grantedBy: string;
  readonly isPresence: boolean;
}

/** Channels of a contract, found by name. Parsed once here: whoever guards and whoever routes see the same value. */
export class Targets {
  readonly #contract: Contract;
  readonly #patterns: Patterns;
  readonly #optionsByPattern = new Map<string, ChannelOptions>();

  constructor(contract: Contract) {
    this.#contract = contract;
    this.#patterns = compilePatterns(Object.keys(contract.channels));
    for (const [pattern, spec] of Object.entries(contract.channels))
      this.#optionsByPattern.set(pattern, optionsOf(spec));
  }

  /** What a name stands for; null when no pattern matches it, or when it asks for a presence that is not there. */
  find(name: string): Target | null {
    const parent = presenceParent(name);
    const match = this.#patterns.match(parent ?? name);
    const spec = match === null ? undefined : this.#contract.channels[match.pattern];
    const options = match === null ? undefined : this.#optionsByPattern.get(match.pattern);
    if (match === null || spec === undefined || options === undefined) return null;
    const common = { name, pattern: match.pattern, params: match.params, grantedBy: parent ?? name };
    if (parent === null) {
      const schema = spec.kind === "log" ? spec.data : spec.value;
      const version = spec.kind === "log" ? spec.version : 1;
      return { ...common, options, schema, version, coalesceMs: spec.coalesceMs ?? 0, isPresence: false };
    }
    if (spec.kind !== "log" || spec.presence === undefined) return null;
    return { ...common, options: PRESENCE, schema: spec.presence, version: 1, coalesceMs: 0, isPresence: true };
  }

  /** The members of a channel; null when its pattern has no presence. */
  presenceOf(name: string): Target | null {
    return this.find(presenceChannel(name));
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
