import type { BackplaneContext } from "@carillon/server";
import {
  appendAll,
  appendRequest,
  DEFAULT_LIMITS,
  systemPorts,
  type AppendGiven,
  type AppendResult,
  type ChannelOptions,
  type Limits,
} from "@carillon/server/testing";
import type { OpenBackplane } from "@carillon/server";

/** A log that keeps what a test publishes. */
export const LOG: ChannelOptions = {
  kind: "log",
  historySize: 100_000,
  historyTtlMs: 3_600_000,
  ttlMs: 0,
  owned: false,
};

/** What a store told its node. */
export interface Told {
  readonly availability: boolean[];
  readonly errors: string[];
}

/** The real world for a store, and what it is told. */
export function contextOf(limits: Partial<Limits> = {}): { readonly context: BackplaneContext; readonly told: Told } {
  const told: Told = { availability: [], errors: [] };
  const context: BackplaneContext = {
    ports: systemPorts(),
    limits: { ...DEFAULT_LIMITS, ...limits },
    logger: { debug: () => {}, info: () => {}, warn: () => {}, error: (message) => told.errors.push(message) },
    faults: new Set(),
    sink: {
      deliver: () => {},
      suspect: () => {},
      available: (isAvailable) => told.availability.push(isAvailable),
      ownershipLost: () => {},
    },
    onControl: () => {},
  };
  return { context, told };
}

/** Publishes to a channel, by the application. Resolves to the results in order. */
export function publish(
  backplane: OpenBackplane,
  publications: readonly (Partial<AppendGiven> & { readonly id: string })[],
  options: ChannelOptions = LOG,
): Promise<AppendResult[]> {
  const requests = publications.map((given) => appendRequest({ channel: "chat:lobby", options, ...given }));
  return appendAll(backplane.channels, requests);
}

/** The ids that a channel retains, or the code of the failure to read them. */
export async function idsIn(
  backplane: OpenBackplane,
  options: ChannelOptions = LOG,
  channel: string = "chat:lobby",
): Promise<readonly string[] | string> {
  const ids: string[] = [];
  let after = "the beginning";
  for (let isAtTop = false; !isAtTop;) {
    const answer = await new Promise<Parameters<Parameters<OpenBackplane["channels"]["read"]>[1]>[0]>((done) => {
      backplane.channels.read({ channel, options, after, bounds: { items: 5_000, bytes: 1e9 } }, done);
    });
    if (!answer.ok) return answer.code;
    ids.push(...answer.value.records.map((record) => ("id" in record ? record.id : record.key)));
    after = answer.value.pos;
    isAtTop = answer.value.atTop;
  }
  return ids;
}
