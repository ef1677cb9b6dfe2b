import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { TcpTarget } from "../support/tcp-proxy.ts";
import type { NodeBackplane } from "./node-backplane.ts";
import type { NodeConfig, NodeReady } from "./node-process.ts";
import type { PlantedFault } from "./planted-faults.ts";

/** Settings of a {@link Cluster}. */
export interface ClusterOptions {
  /** The bundled `node-process.ts`. */
  readonly program: string;
  readonly backplane: NodeBackplane;
  readonly faults: readonly PlantedFault[];
  /** Where nodes write what they have to say. */
  readonly folder: string;
}

/** A kill of a node, by the wall clock in milliseconds. */
export interface Kill {
  readonly at: number;
  /** When the next life of the node served. */
  readonly backAt: number;
}

/** A node that takes longer to serve has failed, in milliseconds. */
const START_MS = 30_000;

/** One node behind a port that outlives it. */
class ClusterNode {
  port = 0;
  readonly #options: ClusterOptions;
  readonly #log: string;
  #process: ChildProcess | null = null;
  #hasFailed: (reason: Error) => void = () => {};

  constructor(options: ClusterOptions, index: number) {
    this.#options = options;
    this.#log = join(options.folder, `node-${index}.log`);
  }

  /** Resolves when it serves. */
  async start(failed: (reason: Error) => void): Promise<void> {
    this.#hasFailed = failed;
    const { program, backplane, faults } = this.#options;
    const config: NodeConfig = { port: this.port, backplane, faults };
    const log = openSync(this.#log, "a");
    const child = fork(program, [JSON.stringify(config)], { execArgv: [], stdio: ["ignore", "ignore", log, "ipc"] });
    // The process has a copy.
    closeSync(log);
    this.#process = child;
    const ended = new Promise<never>((_, reject) => {
      child.once("exit", (code, signal) => {
        const reason = new Error(`A node ended by itself: ${code ?? signal}. Its last words are in ${this.#log}`);
        if (this.#process === child) this.#hasFailed(reason);
        reject(reason);
      });
    });
    ended.catch(() => {});
    const message = once(child, "message", { signal: AbortSignal.timeout(START_MS) });
    message.catch(() => {});
    const [ready] = (await Promise.race([message, ended])) as [NodeReady];
    this.port = ready.port;
  }

  /** Kills it as nothing can prevent or notice. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    this.#process = null;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
}

/** The nodes of a run. */
export class Cluster implements AsyncDisposable {
  readonly kills: Kill[] = [];
  /** Rejects when a node ends that nobody has killed, or does not start. */
  readonly failed: Promise<never>;
  readonly #nodes: readonly ClusterNode[];
  #fail: (reason: Error) => void = () => {};

  private constructor(count: number, options: ClusterOptions) {
    this.#nodes = Array.from({ length: count }, (_, index) => new ClusterNode(options, index));
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever waits for something else waits for this as well.
    this.failed.catch(() => {});
  }

  /** Starts so many nodes. Resolves when all serve. */
  static async start(count: number, options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(count, options);
    try {
      for (const node of cluster.#nodes) await node.start(cluster.#fail);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The address of a node, another one each time that it is read: no connection needs the node of the one before. */
  target(random: SeededRandom): TcpTarget {
    const nodes = this.#nodes;
    return {
      host: "127.0.0.1",
      get port() {
        return random.pick(nodes).port;
      },
    };
  }

  /** `http://host:port` of the first node. */
  get url(): string {
    return `http://127.0.0.1:${this.#nodes[0]?.port ?? 0}`;
  }

  /** Kills a node and starts it again on its port. Resolves when it serves. */
  async strike(random: SeededRandom): Promise<void> {
    const node = random.pick(this.#nodes);
    const at = Date.now();
    await node.kill();
    await node.start(this.#fail);
    this.kills.push({ at, backAt: Date.now() });
  }

  /** Kills all nodes and starts them again. Resolves when all serve. */
  async renew(): Promise<void> {
    await this[Symbol.asyncDispose]();
    for (const node of this.#nodes) await node.start(this.#fail);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node.kill();
  }
}
