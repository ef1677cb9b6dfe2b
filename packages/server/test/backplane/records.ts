import type { ChannelOptions } from "../../src/backplane/channel-store.ts";
import type { Ports } from "../../src/core/ports.ts";
import type { AmendRecord, ChannelRecord, Payload, PublicationRecord } from "../../src/backplane/records.ts";

/** Options of a log that keeps a thousand publications for an hour. */
export const LOG: ChannelOptions = { kind: "log", historySize: 1_000, historyTtlMs: 3_600_000, ttlMs: 0, owned: false };

/** A publication of nobody's, with no annotations. */
export function publication(id: string, fields: Partial<PublicationRecord> = {}): PublicationRecord {
  const nothing = { publisher: null, tags: null, meta: null, expires: 0 };
  return { kind: "publication", id, at: 0, data: JSON.stringify(id), version: 1, ...nothing, ...fields };
}

/** An amendment of a publication. */
export function amendment(id: string, amend: string, data: Payload, at: number): AmendRecord {
  return { kind: "amend", id, amend, at, data, publisher: null, expires: 0, version: 1 };
}

/** A world in which the next life of a channel has the epoch of a position: that of a store restored from a copy. */
export function restoring(world: Ports, position: string): Ports {
  return {
    monotonicMs: () => world.monotonicMs(),
    wallMs: () => world.wallMs(),
    after: (delayMs, callback) => world.after(delayMs, callback),
    endOfTick: (callback) => world.endOfTick(callback),
    random: () => world.random(),
    id: () => position.split(".")[0] ?? "",
    hash: (data) => world.hash(data),
    digest: (data) => world.digest(data),
  };
}

/** What stands in a page, short: `a`, `a*x` for an amendment x of a, `a=…` with its payload. */
export function told(records: readonly ChannelRecord[]): string[] {
  return records.map((record) => {
    const value = "data" in record ? (record.data === null ? "erased" : String(record.data)) : "removed";
    if (record.kind === "publication") return `${record.id}=${value}`;
    if (record.kind === "amend") return `${record.amend}*${record.id}=${value}`;
    return `${record.key}@${record.version}=${value}`;
  });
}
