import { defineContract, log, state, type Schema } from "@carillon/protocol";
import type { Limits } from "@carillon/server/testing";

/** What is drawn for a whole run. */
export interface Setting {
  readonly seed: number;
  /** The store answers later, and out of step with what it delivers. */
  readonly isStoreLate: boolean;
  /** The store can't be reached now and then, and some of what it did then it did all the same. */
  readonly isStoreShaky: boolean;
  /** Permission is given later. */
  readonly isRuleLate: boolean;
  /** Bytes that the network holds for a stalled reader. */
  readonly bufferBytes: number;
  /** The store remembers few ids, and a session may have few commands in flight. */
  readonly isTight: boolean;
}

const ANYTHING: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };

/** A brief log, a long one with presence, and states with and without owners and time to live. */
export const CONTRACT = defineContract({
  channels: {
    "log:{id}": log({ data: ANYTHING, history: { size: 6, ttl: "20s" } }),
    "room:{id}": log({ data: ANYTHING, history: { size: 1000, ttl: "1d" }, presence: ANYTHING }),
    "own:{id}": state({ value: ANYTHING, ttl: "8s" }),
    "held:{id}": state({ value: ANYTHING }),
    "board:{id}": state({ value: ANYTHING, owned: false, coalesce: "20ms" }),
  },
});

export const LOGS = ["log:a", "room:a"] as const;
export const PRESENCE = "@presence:room:a";
export const STATES = ["own:a", "held:a", "board:a", PRESENCE] as const;

/** Small, so that every bound is met in a short run. */
const LIMITS = {
  outboxBytes: 1_500,
  pageItems: 4,
  pageBytes: 600,
  stateEntries: 6,
  stateJournal: 8,
  idempotencyWindowMs: 15_000,
  stallTimeoutMs: 12_000,
} as const satisfies Partial<Limits>;

/** The limits of a run. */
export function limitsOf({ isTight }: Setting): Partial<Limits> & typeof LIMITS {
  return isTight ? { ...LIMITS, idempotencyEntries: 12, commandsInFlight: 4 } : LIMITS;
}

/** Queued bytes from which on a connection tells when they are taken: less than an outbox, as in earnest. */
export const DRAIN_BYTES = 700;
/** Longest way of one message to or from a late store, in milliseconds. */
export const DELAY_MAX_MS = 4;
/** Longest time that a shaky store needs to do what must be done: several attempts, seconds apart. */
export const SHAKY_MAX_MS = 15_000;
/** Longer than a way to the store and back and the longest coalescing together. */
export const REST_MS = 45;
