import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { endProcess } from "../support/end-process.ts";
import type { CrowdConfig, CrowdFindings, CrowdOrder, CrowdReport } from "./crowd-config.ts";

/** A report that takes longer will not come, in milliseconds. */
const REPORT_MS = 120_000;

/** A process full of clients. */
class CrowdProcess {
  readonly #process: ChildProcess;

  constructor(program: string, config: CrowdConfig) {
    this.#process = fork(program, [JSON.stringify(config)], {
      // Thousands of connections at once fill a small young generation again and again; the collector's threads would take the nodes' processors.
      execArgv: ["--max-semi-space-size=64"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  send(order: CrowdOrder): void {
    this.#process.send(order);
  }

  /** Gives an order, and waits for the report on it. */
  async order(order: CrowdOrder): Promise<CrowdReport> {
    const reported = once(this.#process, "message", { signal: AbortSignal.timeout(REPORT_MS) });
    this.send(order);
    const [report] = (await reported) as [CrowdReport];
    return report;
  }

  async kill(): Promise<void> {
    await endProcess(this.#process);
  }
}

/** Clients in several processes: each has sockets, memory and a thread of its own. */
export class Crowd implements AsyncDisposable {
  readonly #processes: CrowdProcess[];

  private constructor(processes: CrowdProcess[]) {
    this.#processes = processes;
  }

  /** Starts so many processes, between which the clients of a config are divided, and resolves when all clients are there. */
  static async open(program: string, processes: number, config: CrowdConfig): Promise<Crowd> {
    const size = Math.ceil(config.count / processes);
    const crowd = new Crowd(
      Array.from({ length: processes }, (_, index) => {
        const first = config.first + index * size;
        const count = Math.min(size, config.first + config.count - first);
        return new CrowdProcess(program, { ...config, first, count, seed: config.seed + index });
      }),
    );
    try {
      await crowd.#all({ order: "open" });
      return crowd;
    } catch (error) {
      await crowd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All clients begin to publish. */
  publish(): void {
    for (const process of this.#processes) process.send({ order: "publish" });
  }

  /** Nobody publishes any more. Resolves to the publishes that never had an outcome. */
  async settle(): Promise<number> {
    const reports = await this.#all({ order: "settle" });
    return reports.reduce((sum, report) => sum + (report.report === "settled" ? report.pending : 0), 0);
  }

  /** How what everybody was told compares with what is stored. */
  async judge(logs: Readonly<Record<string, readonly string[]>>): Promise<CrowdFindings[]> {
    const reports = await this.#all({ order: "judge", logs });
    return reports.flatMap((report) => (report.report === "judged" ? [report] : []));
  }

  /** Its processes are gone at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
  }

  #all(order: CrowdOrder): Promise<CrowdReport[]> {
    return Promise.all(this.#processes.map((process) => process.order(order)));
  }
}

/** The findings of several processes as those of one. */
export function joined(findings: readonly CrowdFindings[]): CrowdFindings {
  const sum = (pick: (one: CrowdFindings) => number): number => findings.reduce((total, one) => total + pick(one), 0);
  const failed: Record<string, number> = {};
  for (const one of findings)
    for (const code in one.failed) failed[code] = (failed[code] ?? 0) + (one.failed[code] ?? 0);
  return {
    delivered: sum(({ delivered }) => delivered),
    lost: sum(({ lost }) => lost),
    repeated: sum(({ repeated }) => repeated),
    reordered: sum(({ reordered }) => reordered),
    published: sum(({ published }) => published),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    failed,
    examples: findings.flatMap(({ examples }) => examples),
    absences: findings.flatMap(({ absences }) => absences),
  };
}
