import { defineContract, log, state, type Schema } from "@carillon/protocol";
import { DEFAULT_LIMITS, type Limits, type SimulatedRandom } from "@carillon/server/testing";

const ANYTHING: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };

/** A brief log, a long one with presence, a coalescing one, and states with and without owners and time to live. */
export const CONTRACT = defineContract({
  channels: {
    "log:{id}": log({ data: ANYTHING, history: { size: 8, ttl: "40s" } }),
    "room:{id}": log({ data: ANYTHING, history: { size: 400, ttl: "1d" }, presence: ANYTHING }),
    "feed:{id}": log({ data: ANYTHING, history: { size: 30, ttl: "1d" }, coalesce: "30ms" }),
    "own:{id}": state({ value: ANYTHING, ttl: "6s" }),
    "held:{id}": state({ value: ANYTHING }),
    "board:{id}": state({ value: ANYTHING, owned: false, coalesce: "20ms" }),
  },
});

export const LOGS: readonly string[] = ["log:a", "room:a", "feed:a"];
export const STATES: readonly string[] = ["own:a", "held:a", "board:a"];
export const ROOM = "room:a";
export const PRESENCE = "@presence:room:a";

/** What is drawn for a whole run. */
export interface Setting {
  readonly servers: number;
  readonly clients: number;
  /** Milliseconds in which things happen. */
  readonly lengthMs: number;
  readonly networkDelayMaxMs: number;
  readonly brokerDelayMaxMs: number;
  readonly commitMaxMs: number;
  /** Bytes of a connection under way at once. */
  readonly windowBytes: number;
  /** Offset of each server's wall clock. */
  readonly skewsMs: readonly number[];
  /** Sessions last this long unless they are refreshed; null: without end. */
  readonly lifetimeMs: number | null;
}

/** Small, so that every bound is met in a short run. */
export const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  outboxBytes: 2_500,
  pageItems: 5,
  pageBytes: 900,
  stateEntries: 50,
  stateJournal: 8,
  idempotencyWindowMs: 20_000,
  stallTimeoutMs: 12_000,
  commandsInFlight: 8,
  resumeTtlMs: 60_000,
  resumeOverlapMs: 10_000,
};

/** Queued bytes from which on a connection tells when they are taken: less than an outbox, as in earnest. */
export const DRAIN_BYTES = 1_000;
/** A dead server's entries end after this. */
export const LEASE_MS = 10_000;

/** Draws a setting. */
export function drawSetting(random: SimulatedRandom): Setting {
  const servers = random.int(1, 4);
  const hours = 3_600_000;
  return {
    servers,
    clients: random.chance(0.12) ? random.int(8, 20) : random.int(2, 5),
    lengthMs: random.int(8, 30) * 1_000,
    networkDelayMaxMs: random.pick([2, 10, 40, 150]) ?? 2,
    brokerDelayMaxMs: random.pick([1, 5, 30]) ?? 1,
    commitMaxMs: random.pick([1, 10, 40]) ?? 1,
    windowBytes: random.pick([600, 3_000, 20_000]) ?? 600,
    skewsMs: Array.from({ length: servers }, () => (random.chance(0.6) ? 0 : random.int(-2 * hours, 2 * hours))),
    lifetimeMs: random.chance(0.2) ? random.int(8, 20) * 1_000 : null,
  };
}
