import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { endProcess } from "../support/end-process.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { TcpTarget } from "../support/tcp-proxy.ts";
import { onWayOut } from "../support/way-out.ts";
import { UNREACHABLE_EXIT, type NodeConfig, type NodeReady } from "./node-config.ts";
import type { NodeBackplane } from "./node-backplane.ts";
import type { PlantedFault } from "./planted-faults.ts";

/** Settings of a {@link Cluster}. */
export interface ClusterOptions {
  /** The bundled `node-process.ts`. */
  readonly program: string;
  /** How each reaches what they share. */
  readonly backplane: (node: number) => NodeBackplane;
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

/** A node that takes longer to serve has failed, in milliseconds: the broker may be away for half a minute. */
const START_MS = 90_000;
/** One kill in so many may be that of the last node that serves. */
const LAST_EVERY = 6;
/** A port on which nobody listens. */
const NOBODY = 1;
/** Between two looks whether a node serves, in milliseconds. */
const LOOK_MS = 10;
/** Between two starts of a node that could not reach its broker, in milliseconds. */
const RESTART_MS = 200;

/** One node, in all its lives, and whoever starts it again when it could not reach its broker. */
class ClusterNode implements AsyncDisposable {
  /** Another one in each life: what is free now may be taken while it is away. */
  port = NOBODY;
  /** Starts that ended because the broker was out of reach. */
  vainStarts = 0;
  /** True while it serves, stopped or not. */
  isServing = false;
  readonly #options: ClusterOptions;
  readonly #index: number;
  readonly #log: string;
  readonly #stay: () => void;
  #process: ChildProcess | null = null;
  #isOver = false;

  constructor(options: ClusterOptions, index: number) {
    this.#options = options;
    this.#index = index;
    this.#log = join(options.folder, `node-${index}.log`);
    this.#stay = onWayOut(() => void this.#process?.kill("SIGKILL"));
  }

  /** Resolves when it serves; rejects when it can't. After that, `failed` is told if it ends and nobody has killed it. */
  async start(failed: (reason: Error) => void): Promise<void> {
    const signal = AbortSignal.timeout(START_MS);
    let exit: number | string | null = null;
    for (let child = this.#fork(); ; child = this.#fork()) {
      const over = new AbortController();
      const message = once(child, "message", { signal: AbortSignal.any([signal, over.signal]) });
      const exited = once(child, "exit", { signal: over.signal });
      // The one that loses the race ends with the abort, which is nobody's error.
      for (const one of [message, exited]) one.catch(() => {});
      const first: unknown = await Promise.race([message.then(([ready]: unknown[]) => ready), exited.then(() => null)]);
      over.abort();
      if (first !== null) {
        this.port = (first as NodeReady).port;
        this.isServing = true;
        child.once("exit", (code, name) => {
          if (this.#process === child) failed(this.#ended(code ?? name));
        });
        return;
      }
      exit = child.exitCode ?? child.signalCode;
      if (exit !== UNREACHABLE_EXIT || signal.aborted) throw this.#ended(exit);
      this.vainStarts++;
      await wait(RESTART_MS);
    }
  }

  /** Kills it as nothing can prevent or notice. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    this.isServing = false;
    this.port = NOBODY;
    await endProcess(child);
  }

  /** Stops it without a word; returns what lets it go on, if it has not been killed meanwhile. */
  stop(): () => void {
    const child = this.#process;
    child?.kill("SIGSTOP");
    return () => void child?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.kill();
    this.#stay();
  }

  #fork(): ChildProcess {
    if (this.#isOver) throw new Error("The run is over.");
    const { program, backplane, faults } = this.#options;
    const config: NodeConfig = { backplane: backplane(this.#index), faults };
    const log = openSync(this.#log, "a");
    const child = fork(program, [JSON.stringify(config)], { execArgv: [], stdio: ["ignore", "ignore", log, "ipc"] });
    // The process has a copy.
    closeSync(log);
    this.#process = child;
    return child;
  }

  #ended(exit: number | string | null): Error {
    return new Error(`A node ended by itself: ${exit}. Its last words are in ${this.#log}`);
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

  /**
   * Kills a node that serves, and starts it again. Waits until there is one, and mostly until it is not the
   * last: on a slow machine nodes would otherwise be dead most of the time. Resolves when it is dead, to what resolves when
   * it serves again.
   */
  async strike(random: SeededRandom): Promise<{ readonly isBack: Promise<void> }> {
    const least = this.#nodes.length === 1 || random.below(LAST_EVERY) === 0 ? 1 : 2;
    while (this.#nodes.filter(({ isServing }) => isServing).length < least) await wait(LOOK_MS);
    const node = random.pick(this.#nodes.filter(({ isServing }) => isServing));
    const at = Date.now();
    await node.kill();
    const isBack = node.start(this.#fail).then(() => void this.kills.push({ at, backAt: Date.now() }));
    isBack.catch(this.#fail);
    return { isBack };
  }

  /** Starts of nodes that ended because the broker was out of reach; each was tried again. */
  get vainStarts(): number {
    return this.#nodes.reduce((sum, { vainStarts }) => sum + vainStarts, 0);
  }

  /** Stops a node that serves; returns what lets it go on. Null: none serves. */
  stop(random: SeededRandom): (() => void) | null {
    const serving = this.#nodes.filter(({ isServing }) => isServing);
    return serving.length === 0 ? null : random.pick(serving).stop();
  }

  /** Kills all nodes and starts them again. Resolves when all serve. */
  async renew(): Promise<void> {
    for (const node of this.#nodes) await node.kill();
    for (const node of this.#nodes) await node.start(this.#fail);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
  }
}
