import { spawn, type ChildProcess } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { endProcess } from "../../test/support/end-process.ts";
import { freePort } from "../../test/support/free-port.ts";
import { onCpu } from "./pinning.ts";
import { cpuUs, memoryOf, type Memory } from "./usage.ts";

/** How a server is started. */
export interface Command {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const START_MS = 15_000;
const STOP_MS = 3_000;

/** A server under measurement, in a process of its own, at a port that stays the same when it is restarted. */
export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly #command: Command;
  readonly #cpu: number | null;
  #process: ChildProcess;
  #output = "";

  private constructor(port: number, command: Command, cpu: number | null) {
    this.port = port;
    this.#command = command;
    this.#cpu = cpu;
    this.#process = this.#spawn();
  }

  /** Starts a server and waits until its port takes connections. */
  static async start(commandAt: (port: number) => Command, cpu: number | null): Promise<ServerProcess> {
    const port = await freePort();
    const server = new ServerProcess(port, commandAt(port), cpu);
    await server.#listening();
    return server;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Processor time so far, in microseconds; starts again at 0 with a restart. */
  get cpuUs(): number {
    return cpuUs(this.pid);
  }

  get memory(): Memory {
    return memoryOf(this.pid);
  }

  /** Kills it as a crash does, and starts it again at the same port. */
  async restart(): Promise<void> {
    await endProcess(this.#process);
    this.#process = this.#spawn();
    await this.#listening();
  }

  /** The answer of the server to a GET of a path. */
  async get(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`);
    return response.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS);
    await endProcess(this.#process, "SIGTERM");
    clearTimeout(timer);
  }

  #spawn(): ChildProcess {
    const [program, ...args] = onCpu(this.#cpu, this.#command.command);
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_ENV: "production", ...this.#command.env },
      cwd: this.#command.cwd,
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-4_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => keep(Buffer.from(String(error))));
    return child;
  }

  async #listening(): Promise<void> {
    const limit = performance.now() + START_MS;
    while (performance.now() < limit && this.#process.exitCode === null) {
      if (await takesConnections(this.port)) return;
      await wait(10);
    }
    throw new Error(`Expected a server at port ${this.port}: ${this.#command.command.join(" ")}\n${this.#output}`);
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const end = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
