import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Peer, Purpose } from "../peers/peer.ts";
import { Load, type LoadFields, type LoadReport } from "./load.ts";
import type { Cpus } from "./pinning.ts";
import { ServerProcess } from "./server-process.ts";
import { cpuUs, type Memory } from "./usage.ts";

/** What a benchmark runs on. */
export interface Bench {
  readonly cpus: Cpus;
  /** The load generator. */
  readonly program: string;
  /** Servers of ours run on the sources of the packages: for tests, which need no build. Default: false. */
  readonly onSources?: boolean;
}

/** What a command cost. */
export interface Cost {
  /** Processor time of the server, user and system, all threads, in microseconds. */
  readonly serverUs: number;
  /** The load generator's. */
  readonly loadUs: number;
  readonly wallMs: number;
}

/** A server under measurement, and the load generator that is connected to it. */
export class Subject implements AsyncDisposable {
  readonly peer: Peer;
  readonly server: ServerProcess;
  readonly load: Load;

  private constructor(peer: Peer, server: ServerProcess, load: Load) {
    this.peer = peer;
    this.server = server;
    this.load = load;
  }

  static async start(peer: Peer, purpose: Purpose, { cpus, program, onSources = false }: Bench): Promise<Subject> {
    const server = await ServerProcess.start((port) => peer.command(port, { ...purpose, onSources }), cpus.server);
    const load = new Load(program, cpus.load);
    await load.useDoor(server.port, peer.door(purpose));
    return new Subject(peer, server, load);
  }

  /** Connects clients and publishers; credentials are fetched before. */
  async open(fields: LoadFields & { readonly clients: number; readonly publishers?: number }): Promise<LoadReport> {
    await this.fetchTickets(fields.clients + (fields.publishers ?? 0));
    const report = await this.load.order("open", fields);
    if (report.problems.length > 0) throw new Error(`${this.peer.name}: ${report.problems.join(" ")}`);
    return report;
  }

  /** Gets so many credentials from the server for the load generator, where the server has any. */
  async fetchTickets(count: number): Promise<void> {
    if (this.peer.hasTickets !== true || count === 0) return;
    const folder = mkdtempSync(join(tmpdir(), "carillon-bench-"));
    try {
      const file = join(folder, "tickets");
      writeFileSync(file, await this.server.get(`/tickets?count=${count}`));
      await this.load.order("tickets", { file });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Does something, and says what it cost. */
  async measure<Result>(run: () => Promise<Result>): Promise<{ readonly result: Result; readonly cost: Cost }> {
    const before = { serverUs: this.server.cpuUs, loadUs: cpuUs(this.load.pid), atMs: performance.now() };
    const result = await run();
    const cost = {
      serverUs: this.server.cpuUs - before.serverUs,
      loadUs: cpuUs(this.load.pid) - before.loadUs,
      wallMs: performance.now() - before.atMs,
    };
    return { result, cost };
  }

  /** What the server holds, when it has collected its garbage where it can be told to. */
  async heldMemory(): Promise<Memory> {
    if (this.peer.collects === true) await this.server.get("/collect");
    return this.server.memory;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
