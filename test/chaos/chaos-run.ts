import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Broker } from "./broker.ts";
import { BROKERS } from "./brokers.ts";
import { check, type Judgement } from "./checker.ts";
import type { ClientCounts } from "./client-config.ts";
import { Cluster } from "./cluster.ts";
import { channelNames } from "./contract.ts";
import { journalNames, readJournal, textOf } from "./journal.ts";
import type { ChaosOptions } from "./options.ts";
import { Pauses, type PauseTimes } from "./pauses.ts";
import type { Programs } from "./programs.ts";
import type { Journal, StoredState } from "./records.ts";
import { letStormPass, type StormCounts } from "./storm.ts";
import { readStoredState } from "./stored-state.ts";

/** How a run went. */
export interface ChaosResult extends Judgement, Omit<StormCounts, "pending" | "roster"> {
  readonly kills: number;
  readonly pauses: PauseTimes;
  /** Milliseconds from kills until the node served again, sorted. */
  readonly restarts: readonly number[];
  readonly durationMs: number;
  /** Starts of nodes in vain, since the broker was out of reach; each was tried again. */
  readonly vainStarts: number;
  /** How the backplane was configured, and reached, in words. */
  readonly backplane: string;
  /** What has to be known of what befell the broker, to judge the run; null: nothing. */
  readonly remark: string | null;
  readonly network: string | null;
  /** What servers and clients printed. A server that logs an error has failed the run. */
  readonly output: string;
}

/** True if nothing is wrong, and enough has happened to say so. */
export function isFaultless({ findings, publishes, deliveries, output }: ChaosResult): boolean {
  const hasSpoken = / error /.test(output);
  return findings.isClean && !hasSpoken && publishes.acknowledged > 0 && deliveries.delivered > 0;
}

/** How far a run is. */
export interface Progress {
  readonly kills: number;
  readonly counts: ClientCounts;
  readonly elapsedMs: number;
}

/** What a run needs beside its options. */
export interface ChaosContext {
  readonly programs: Programs;
  /** Of the run alone; it has to exist. */
  readonly folder: string;
  /** Called after each kill. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Lets one storm pass over one application, and judges it. Rejects when a process ends that nobody has killed. */
export async function runChaos(options: ChaosOptions, context: ChaosContext): Promise<ChaosResult> {
  const startMs = performance.now();
  const names = channelNames(options.channels);
  const journals = join(context.folder, "journals");
  await mkdir(journals);
  const broker = await startBroker(options, context.folder);
  try {
    await using cluster = await Cluster.start(options.nodes, {
      program: context.programs.node,
      backplane: (node) => broker.backplane(node),
      faults: options.faults,
      folder: context.folder,
    });
    const { pending, roster, ...storm } = await letStormPass({
      options,
      program: context.programs.client,
      cluster,
      broker,
      names,
      journals,
      onKill: (kills, counts) => context.onProgress?.({ kills, counts, elapsedMs: performance.now() - startMs }),
    });
    // A server that has nothing in memory: what it tells is what is stored.
    await cluster.renew();
    const stored = { ...(await readStoredState(cluster.url, names)), roster };
    const pauses = new Pauses([...cluster.kills].sort((a, b) => a.at - b.at));
    const judgement = judge(journals, stored, pauses);
    if (pending > 0) judgement.findings.add("contradictions", `${pending} publishes or sets never had an outcome`);
    return {
      ...judgement,
      ...storm,
      kills: cluster.kills.length,
      pauses: pauses.times,
      restarts: cluster.kills.map(({ at, backAt }) => backAt - at).sort((a, b) => a - b),
      durationMs: performance.now() - startMs,
      vainStarts: cluster.vainStarts,
      network: broker.network?.description ?? null,
      backplane: `${options.backplane} (${broker.description})`,
      remark: broker.remark?.() ?? null,
      output: printed(context.folder, options),
    };
  } finally {
    await broker[Symbol.asyncDispose]();
  }
}

async function startBroker({ backplane, nodes, isProxied }: ChaosOptions, folder: string): Promise<Broker> {
  const start = BROKERS[backplane];
  if (start === undefined) throw new Error(`Expected a backplane, got ${backplane}.`);
  const broker = await start({ folder, nodes, isProxied });
  if (nodes <= broker.nodesMax) return broker;
  await broker[Symbol.asyncDispose]();
  throw new Error(`--nodes: expected at most ${broker.nodesMax} with ${backplane}, got ${nodes}.`);
}

function judge(folder: string, stored: StoredState, pauses: Pauses): Judgement {
  function* journalsOf<R>(role: "p" | "s"): Generator<Journal<R>, void> {
    for (const name of journalNames(folder, role)) yield { name, records: readJournal<R>(folder, name) };
  }
  return check({
    stored,
    publishers: journalsOf("p"),
    subscribers: journalsOf("s"),
    onDelivery: (subscriber, at) => pauses.note(subscriber, at),
  });
}

function printed(folder: string, { nodes, clients }: ChaosOptions): string {
  const files = [
    ...Array.from({ length: nodes }, (_, index) => join(folder, `node-${index}.log`)),
    ...Array.from({ length: clients }, (_, index) => join(folder, "journals", `client-c${index}.log`)),
  ];
  return files.map(textOf).join("");
}
