import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Door } from "./door.ts";
import { onCpu } from "./pinning.ts";

/** What the load generator says of a command: numbers by name, and what was wrong, as sentences. */
export interface LoadReport {
  readonly problems: readonly string[];
  /** A number of the report. A name that it doesn't have is a mistake of the caller, and throws. */
  number(name: string): number;
}

/** Values of a command. */
export type LoadFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The words that the load generator knows. */
export type LoadCommand = "door" | "tickets" | "open" | "reopen" | "drop" | "forget" | "run";

/** A load generator: a process of its own, with the connections to one server. */
export class Load implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterableIterator<string>;

  constructor(program: string, cpu: number | null) {
    const [command, ...args] = onCpu(cpu, [program]);
    this.#process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Tells it how to speak to the server at a port, or to the nodes at several. */
  async useDoor(ports: readonly number[], door: Door): Promise<void> {
    await this.order("door", { port: ports.join(","), ...door });
  }

  /** Gives a command, and waits until it is done. Throws when it could not be carried out. */
  async order(command: LoadCommand, fields: LoadFields = {}): Promise<LoadReport> {
    const words = Object.entries(fields).filter(([, value]) => value !== undefined);
    const order = [command, ...words.map(([name, value]) => `${name}=${escaped(String(value))}`)].join("\t");
    this.#process.stdin.write(`${order}\n`);
    const line: IteratorResult<string, unknown> = await this.#lines.next();
    if (line.done === true) throw new Error(`The load generator ended during ${command}.`);
    const report = reportOf(line.value);
    if (report.failed) throw new Error(`${command}: ${report.problems.join(" ")}`);
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
}

function reportOf(line: string): LoadReport & { readonly failed: boolean } {
  const report: unknown = JSON.parse(line);
  const values = new Map<string, unknown>(typeof report === "object" && report !== null ? Object.entries(report) : []);
  const problems = values.get("problems");
  return {
    problems: Array.isArray(problems) ? problems.map(String) : [],
    failed: values.has("failed"),
    number: (name) => {
      const value = values.get(name);
      if (typeof value !== "number") throw new Error(`Expected a number ${name} in the report, got: ${line}`);
      return value;
    },
  };
}
