import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Peer, Purpose } from "../peers/peer.ts";
import { Load, type LoadFields, type LoadReport } from "./load.ts";
import { Broker } from "./broker.ts";
import type { Cpus } from "./pinning.ts";
import { ServerProcess } from "./server-process.ts";
import { cpuUs, type Memory } from "./usage.ts";

/** A server that takes less processor time than this, in so many milliseconds, has nothing to do. */
const QUIET_US = 10_000;
const QUIET_MS = 200;

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
  /** Processor time of the server, user and system, all threads, in microseconds; of a cluster, of all its nodes. */
  readonly serverUs: number;
  /** That of what the nodes share; 0 where there is nothing. */
  readonly brokerUs: number;
  /** The load generator's. */
  readonly loadUs: number;
  readonly wallMs: number;
}

/** A server under measurement, or a cluster of them, and the load generator that is connected to it. */
export class Subject implements AsyncDisposable {
  readonly peer: Peer;
  /** The only server, or the first node. */
  readonly server: ServerProcess;
  readonly load: Load;
  readonly #others: readonly ServerProcess[];
  readonly #broker: Broker | null;

  private constructor(peer: Peer, servers: readonly ServerProcess[], load: Load, broker: Broker | null) {
    const [server, ...others] = servers;
    if (server === undefined) throw new RangeError("Expected a server.");
    this.peer = peer;
    this.server = server;
    this.load = load;
    this.#others = others;
    this.#broker = broker;
  }

  /** Starts a server; of a cluster its broker first and then all nodes, on the same processor. Connections go to the nodes in turn. */
  static async start(peer: Peer, purpose: Purpose, { cpus, program, onSources = false }: Bench): Promise<Subject> {
    const started: AsyncDisposable[] = [];
    const start = async <Part extends AsyncDisposable>(part: Promise<Part>): Promise<Part> => {
      started.unshift(await part);
      return part;
    };
    try {
      const { cluster } = peer;
      const broker = cluster === undefined ? null : await start(Broker.start(cluster.broker, cpus.server));
      const wanted = { ...purpose, onSources, ...(broker === null ? {} : { brokerPort: broker.server.port }) };
      const servers: ServerProcess[] = [];
      for (let node = 0; node < (cluster?.nodes ?? 1); node++) {
        servers.push(await start(ServerProcess.start((port) => peer.command(port, wanted), cpus.server)));
      }
      const load = await start(Promise.resolve(new Load(program, cpus.load)));
      await load.useDoor(
        servers.map(({ port }) => port),
        peer.door(purpose),
      );
      return new Subject(peer, servers, load, broker);
    } catch (error) {
      for (const part of started) await part[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Connects clients and publishers; credentials are fetched before. */
  async open(fields: LoadFields & { readonly clients: number; readonly publishers?: number }): Promise<LoadReport> {
    await this.fetchTickets(fields.clients + (fields.publishers ?? 0));
    const report = await this.load.order("open", fields);
    if (report.problems.length > 0) throw new Error(`${this.peer.name}: ${report.problems.join(" ")}`);
    return report;
  }

  /** Where the broker of a cluster listens. Throws for a server that stands alone. */
  get brokerPort(): number {
    if (this.#broker === null) throw new Error(`Expected ${this.peer.name} to have a broker.`);
    return this.#broker.server.port;
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
    const before = this.#used();
    const result = await run();
    const after = this.#used();
    const cost = {
      serverUs: after.serverUs - before.serverUs,
      brokerUs: after.brokerUs - before.brokerUs,
      loadUs: after.loadUs - before.loadUs,
      wallMs: after.wallMs - before.wallMs,
    };
    return { result, cost };
  }

  /** Waits until the server, or all nodes, have nothing to do any more: after many connections ended, say. */
  async quiet(): Promise<void> {
    for (let before = this.#used().serverUs; ;) {
      await wait(QUIET_MS);
      const after = this.#used().serverUs;
      if (after - before < QUIET_US) return;
      before = after;
    }
  }

  /** What the server holds, when it has collected its garbage where it can be told to. */
  async heldMemory(): Promise<Memory> {
    if (this.peer.collects === true) await this.server.get("/collect");
    return this.server.memory;
  }

  #used(): Cost {
    return {
      serverUs: [this.server, ...this.#others].reduce((sum, server) => sum + server.cpuUs, 0),
      brokerUs: this.#broker?.server.cpuUs ?? 0,
      loadUs: cpuUs(this.load.pid),
      wallMs: performance.now(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]();
    for (const server of [this.server, ...this.#others]) await server[Symbol.asyncDispose]();
    await this.#broker?.[Symbol.asyncDispose]();
  }
}
