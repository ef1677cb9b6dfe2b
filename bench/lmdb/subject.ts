import { build } from "esbuild";
import { fork, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Publisher } from "./publisher.ts";

/** What the kernel says that a process has in memory, in megabytes: all of it, its own, and that of mapped files. */
export interface Memory {
  readonly rss: number;
  readonly anon: number;
  readonly file: number;
}

/** What a server says when it listens. */
export interface Started {
  readonly port: number;
  /** From `createCarillon` to ready. */
  readonly readyMs: number;
  /** From the start of its process to listening. */
  readonly sinceStartMs: number;
  readonly memory: Memory;
}

/** What a server has used so far. */
export interface Usage {
  readonly cpu: { readonly user: number; readonly system: number };
  readonly memory: Memory;
}

/** The program of the server, for plain Node on the packages as they are built: what is measured is what users run. */
export class ServerProgram implements Disposable {
  readonly file: string;

  private constructor(file: string) {
    this.file = file;
  }

  static async create(): Promise<ServerProgram> {
    const cache = new URL(`../../node_modules/.cache/carillon/lmdb-bench-${process.pid}.mjs`, import.meta.url);
    const file = fileURLToPath(cache);
    const entry = fileURLToPath(new URL("server.ts", import.meta.url));
    await build({
      entryPoints: [entry],
      outfile: file,
      bundle: true,
      packages: "external",
      format: "esm",
      platform: "node",
    });
    return new ServerProgram(file);
  }

  [Symbol.dispose](): void {
    rmSync(this.file, { force: true });
  }
}

/** A server that is measured, with those who publish to it. */
export class Subject {
  readonly kind: "memory" | "lmdb";
  readonly publishers: Publisher[] = [];
  readonly #process: ChildProcess;
  readonly #answers: unknown[] = [];
  #wake: () => void = () => {};

  constructor(program: ServerProgram, kind: "memory" | "lmdb", path: string) {
    this.kind = kind;
    this.#process = fork(program.file, [kind, path], { execArgv: [] });
    this.#process.on("message", (answer) => this.#push(answer));
    this.#process.on("exit", (code) => this.#push(new Error(`The server ended with ${code}.`)));
  }

  /** Resolves when it is ready. */
  async started(): Promise<Started> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Our own program says it.
    return (await this.#answer()) as Started;
  }

  /** Has so many connections that publish, each to one of so many channels. */
  async connect(port: number, connections: number, channels: number): Promise<void> {
    for (let index = 0; index < connections; index++) {
      const ticket = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      const publisher = new Publisher(port, `bench:${index % channels}`);
      await publisher.connect(ticket);
      this.publishers.push(publisher);
    }
  }

  /** Processor time of the server, all threads, in microseconds. */
  async cpuUs(): Promise<number> {
    const { cpu } = await this.usage();
    return cpu.user + cpu.system;
  }

  async usage(): Promise<Usage> {
    this.#process.send("usage");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Our own program says it.
    return (await this.#answer()) as Usage;
  }

  /** Publishes that were answered so far, refusals included. */
  get answered(): number {
    return this.publishers.reduce((sum, { answered }) => sum + answered, 0);
  }

  /** Publishes that were refused. */
  get failed(): number {
    return this.publishers.reduce((sum, { failed }) => sum + failed, 0);
  }

  /** Ends it; resolves when it is gone. */
  async end(): Promise<void> {
    for (const publisher of this.publishers) publisher.end();
    if (this.#process.exitCode !== null) return;
    const exited = new Promise((resolve) => void this.#process.once("exit", resolve));
    this.#process.disconnect();
    await exited;
  }

  #push(answer: unknown): void {
    this.#answers.push(answer);
    this.#wake();
  }

  async #answer(): Promise<unknown> {
    if (this.#answers.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const answer = this.#answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  }
}
