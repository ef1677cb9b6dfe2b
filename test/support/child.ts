import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Settings of a {@link Child}. */
export interface ChildOptions {
  /** A TypeScript file that reports over IPC: once when it is ready, then once for each order. */
  readonly file: URL;
  readonly args?: readonly string[];
  /** Arguments of Node. Default: the sources of the packages, which need no build. */
  readonly nodeArgs?: readonly string[];
  /** The only processor that it may run on, where the system has `taskset`. Default: any. */
  readonly cpu?: number | null;
}

/** A process that does not exit by itself within this time is killed, in milliseconds. */
const EXIT_MS = 5_000;
const ON_SOURCES = ["--conditions=@carillon/source", "--import", "tsx"];

/** A process of its own, that takes orders and reports on them. */
export class Child<Order extends object, Report> implements AsyncDisposable {
  readonly #process: ChildProcess;

  constructor({ file, args = [], nodeArgs = ON_SOURCES, cpu = null }: ChildOptions) {
    const command = [process.execPath, ...nodeArgs, fileURLToPath(file), ...args];
    const [program = "", ...rest] = cpu === null ? command : ["taskset", "--cpu-list", String(cpu), ...command];
    this.#process = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  }

  /** The next report. Rejects when the process can't be started, or ends instead. */
  async report(): Promise<Report> {
    const over = new AbortController();
    const { signal } = over;
    const ended = once(this.#process, "exit", { signal }).then(([code]: unknown[]) => {
      throw new Error(`The process ended with ${String(code)}.`);
    });
    const came = once(this.#process, "message", { signal });
    try {
      const [report]: unknown[] = await Promise.race([came, ended]);
      return report as Report;
    } finally {
      // The one that lost the race ends with the abort, which is nobody's error.
      came.catch(() => {});
      ended.catch(() => {});
      over.abort();
    }
  }

  /** Gives an order, and waits for the report on it. */
  async order(order: Order): Promise<Report> {
    const report = this.report();
    this.#process.send(order);
    return report;
  }

  /** A signal to the process. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Ends it: it is to exit when the channel closes, so that a profiler in it can write; by force if it doesn't. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), EXIT_MS);
    if (this.#process.connected) this.#process.disconnect();
    await exited;
    clearTimeout(timer);
  }
}
