import { fork, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { endProcess } from "../support/end-process.ts";
import { onWayOut } from "../support/way-out.ts";
import type { ClientConfig, ClientCounts, ClientOrder, ClientReport } from "./client-config.ts";

/** Settings of a client process, but for what changes from life to life. */
export type MemberConfig = Omit<ClientConfig, "life">;

const NOTHING: ClientCounts = { published: 0, acknowledged: 0, delivered: 0 };
/** An order that is not carried out within this time never is, in milliseconds. */
const ORDER_MS = 90_000;

function sum(all: readonly ClientCounts[]): ClientCounts {
  return {
    published: all.reduce((total, { published }) => total + published, 0),
    acknowledged: all.reduce((total, { acknowledged }) => total + acknowledged, 0),
    delivered: all.reduce((total, { delivered }) => total + delivered, 0),
  };
}

/** A client process, in all its lives. */
class Member {
  kills = 0;
  readonly #program: string;
  readonly #config: MemberConfig;
  readonly #stay: () => void;
  #life = 0;
  #process: ChildProcess;
  /** What earlier lives have reported; the last moments of a life that was killed are missing. */
  #before = NOTHING;
  #counts = NOTHING;

  constructor(program: string, config: MemberConfig) {
    this.#program = program;
    this.#config = config;
    this.#process = this.#start();
    this.#stay = onWayOut(() => void this.#process.kill("SIGKILL"));
  }

  get counts(): ClientCounts {
    return sum([this.#before, this.#counts]);
  }

  /** SIGKILL, and a new life that begins where the one before has stored that it was. */
  async strike(): Promise<void> {
    await this.kill();
    this.kills++;
    this.#before = this.counts;
    this.#counts = NOTHING;
    this.#life++;
    this.#process = this.#start();
  }

  /** Gives an order and waits until it is carried out. */
  async order(order: ClientOrder, done: ClientReport["report"]): Promise<ClientReport> {
    const child = this.#process;
    const reported = new Promise<ClientReport>((resolve, reject) => {
      child.on("message", (report: ClientReport) => {
        if (report.report === done) resolve(report);
      });
      child.once("exit", (code) => reject(new Error(`Client ${this.#config.name} ended by itself: ${code}.`)));
      setTimeout(() => reject(new Error(`Client ${this.#config.name} did not ${order.order}.`)), ORDER_MS).unref();
    });
    child.send(order);
    return reported;
  }

  async kill(): Promise<void> {
    await endProcess(this.#process);
  }

  /** Kills it, for good. */
  async end(): Promise<void> {
    await this.kill();
    this.#stay();
  }

  #start(): ChildProcess {
    const config: ClientConfig = { ...this.#config, life: this.#life, seed: this.#config.seed + this.#life };
    const log = openSync(join(config.folder, `client-${config.name}.log`), "a");
    const child = fork(this.#program, [JSON.stringify(config)], {
      execArgv: [],
      stdio: ["ignore", "ignore", log, "ipc"],
    });
    // The process has a copy.
    closeSync(log);
    child.on("message", (report: ClientReport) => {
      if (report.report === "counts") this.#counts = report.counts;
    });
    return child;
  }
}

/** All client processes of a run. */
export class Crowd implements AsyncDisposable {
  readonly #members: readonly Member[];

  constructor(program: string, configs: readonly MemberConfig[]) {
    this.#members = configs.map((config) => new Member(program, config));
  }

  get counts(): ClientCounts {
    return sum(this.#members.map(({ counts }) => counts));
  }

  /** Times that a process was killed. */
  get kills(): number {
    return this.#members.reduce((total, { kills }) => total + kills, 0);
  }

  /** Kills the process of that index and starts it anew. */
  async strike(index: number): Promise<void> {
    await this.#members[index]?.strike();
  }

  /** Nobody publishes any more. Resolves when all outcomes are known, to the number of those that never came. */
  async settle(): Promise<number> {
    const reports = await Promise.all(this.#members.map((member) => member.order({ order: "settle" }, "settled")));
    return reports.reduce((total, report) => total + (report.report === "settled" ? report.pending : 0), 0);
  }

  /** All subscribers come home, are present and stay. Resolves to their names. */
  async gather(timeoutMs: number): Promise<string[]> {
    const order = { order: "gather", timeoutMs } as const;
    const reports = await Promise.all(this.#members.map((member) => member.order(order, "gathered")));
    return reports.flatMap((report) => (report.report === "gathered" ? report.names : []));
  }

  /** All subscribers follow everything up to these positions and write down where they stand. */
  async finish(tops: Readonly<Record<string, string>>, hall: string, timeoutMs: number): Promise<void> {
    const order = { order: "finish", tops, hall, timeoutMs } as const;
    await Promise.all(this.#members.map((member) => member.order(order, "finished")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) await member.end();
  }
}
