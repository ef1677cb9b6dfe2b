import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "@carillon/server/testing";
import { endProcess } from "../support/end-process.ts";
import type { BrokerAddress, NodeConfig, NodeReady } from "./node-process.ts";

/** Settings of a {@link DrillNode}. */
export interface DrillNodeOptions {
  /** The bundled `node-process.ts`. */
  readonly program: string;
  readonly broker: BrokerAddress;
  readonly faults: readonly Fault[];
  /** Where it writes what it has to say. */
  readonly folder: string;
  /** Names its log. */
  readonly name: string;
}

/** A node that takes longer to serve, or to leave, has failed, in milliseconds. */
const START_MS = 30_000;
const LEAVE_MS = 30_000;

/** A node in a process of its own, behind a port that outlives it. */
export class DrillNode implements AsyncDisposable {
  port = 0;
  readonly #options: DrillNodeOptions;
  readonly #log: string;
  #process: ChildProcess | null = null;

  private constructor(options: DrillNodeOptions) {
    this.#options = options;
    this.#log = join(options.folder, `${options.name}.log`);
  }

  /** Starts one on a free port. Resolves when it serves. */
  static async start(options: DrillNodeOptions): Promise<DrillNode> {
    const node = new DrillNode(options);
    await node.start();
    return node;
  }

  /** Starts so many nodes, one after the other; `optionsOf` tells with what. */
  static async startAll(count: number, optionsOf: (index: number) => DrillNodeOptions): Promise<DrillNodes> {
    const nodes = new DrillNodes();
    try {
      for (let index = 0; index < count; index++) nodes.push(await DrillNode.start(optionsOf(index)));
      return nodes;
    } catch (error) {
      await nodes[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts it again, on its port. */
  async start(): Promise<void> {
    const { program, broker, faults } = this.#options;
    const config: NodeConfig = { port: this.port, broker, faults };
    const log = openSync(this.#log, "a");
    const child = fork(program, [JSON.stringify(config)], { execArgv: [], stdio: ["ignore", log, log, "ipc"] });
    // The process has a copy.
    closeSync(log);
    this.#process = child;
    const over = new AbortController();
    const { signal } = over;
    const came = once(child, "message", { signal: AbortSignal.any([signal, AbortSignal.timeout(START_MS)]) });
    const ended = once(child, "exit", { signal }).then(([code]: unknown[]) => {
      throw new Error(`A node ended with ${String(code)} instead of serving:\n${this.output}`);
    });
    try {
      const [ready] = (await Promise.race([came, ended])) as [NodeReady];
      this.port = ready.port;
    } finally {
      came.catch(() => {});
      ended.catch(() => {});
      over.abort();
    }
  }

  /** `ws://host:port/realtime`. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}/realtime`;
  }

  /** What it has logged, in all its lives. */
  get output(): string {
    return readFileSync(this.#log, "utf8");
  }

  /** A ticket for a user of this name. */
  async ticket(user: string): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/ticket?user=${user}`);
    if (!answer.ok) throw new Error(`No ticket: ${answer.status}.`);
    return answer.text();
  }

  /** Kills it as nothing can prevent or notice. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Tells it to leave, and waits until it has exited by itself. Resolves to its exit code; null: it had to be killed. */
  async leave(): Promise<number | null> {
    const child = this.#process;
    const timer = setTimeout(() => child?.kill("SIGKILL"), LEAVE_MS);
    await this.#end("SIGTERM");
    clearTimeout(timer);
    return child?.exitCode ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await endProcess(this.#process, signal);
    this.#process = null;
  }
}

/** The nodes of a drill; they end together. */
export class DrillNodes extends Array<DrillNode> implements AsyncDisposable {
  /** A node by its number. */
  get(index: number): DrillNode {
    const node = this[index];
    if (node === undefined) throw new Error(`Expected a node ${index}.`);
    return node;
  }

  /** Lines of all logs that tell of an error. */
  get errors(): string[] {
    return this.flatMap((node) => node.output.split("\n").filter((line) => / error /.test(line)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this, (node) => node.kill()));
  }
}
