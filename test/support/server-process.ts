import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The command, as it is installed: it runs what `npm run build` has built. */
const COMMAND = fileURLToPath(new URL("../../packages/carillon/bin/carillon.js", import.meta.url));

/** Whatever is set where tests run must not matter. */
const DEFAULTS = {
  HOST: "127.0.0.1",
  PORT: "0",
  CARILLON_REDIS: "",
  CARILLON_NATS: "",
  CARILLON_NAME: "",
  CARILLON_DRAIN: "",
  CARILLON_GUEST_KEY: "",
  CARILLON_ORIGINS: "",
  CARILLON_TRUST_PROXY: "",
};

/** A start that takes longer has failed, in milliseconds. */
const START_MS = 15_000;
/** The pause between two looks at a server that starts, in milliseconds. */
const LOOK_MS = 50;

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Settings of a {@link ServerProcess}. */
export interface ServerProcessOptions {
  /** Default `["start"]`. */
  readonly args?: readonly string[];
  /**
   * Added to the environment. Default: a free port on the loopback address, and for `start` an empty data folder that is
   * removed when the process has ended. Name one with `CARILLON_DATA` to start again on it; set it to nothing for a broker.
   */
  readonly env?: Readonly<Record<string, string>>;
}

/** The real `carillon` command in a process of its own. Whoever starts it stops it. */
export class ServerProcess {
  readonly child: ChildProcess;
  /** Resolves when the process has ended. */
  readonly exited: Promise<Exit>;
  /** What it has printed, on either stream. */
  output = "";
  /** Its address, once it is ready. */
  url = "";

  private constructor({ args = ["start"], env = {} }: ServerProcessOptions) {
    const folder = args[0] === "start" && env["CARILLON_DATA"] === undefined ? newDataFolder() : null;
    this.child = spawn(process.execPath, [COMMAND, ...args], {
      env: { ...process.env, ...DEFAULTS, CARILLON_DATA: folder ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    // `close`: the process has ended and all that it printed is here.
    this.exited = once(this.child, "close").then(([code, signal]) => {
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
      return { code, signal };
    });
  }

  /** Starts one, and resolves when `/healthz` says that it is ready. */
  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    try {
      const deadlineMs = performance.now() + START_MS;
      while (!(await server.#isReady())) {
        if (server.child.exitCode !== null) throw new Error(`The server ended at its start: ${server.output}`);
        if (performance.now() > deadlineMs) throw new Error(`The server is not ready in time: ${server.output}`);
        await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
      }
      return server;
    } catch (error) {
      await server.kill();
      throw error;
    }
  }

  /** Starts one that is expected to end by itself, and resolves when it has. */
  static async run(options: ServerProcessOptions): Promise<Exit & { readonly output: string }> {
    const server = new ServerProcess(options);
    const exit = await server.exited;
    return { ...exit, output: server.output };
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends the process, by force if it is still there. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }

  async #isReady(): Promise<boolean> {
    this.url = /http:\/\/[^\s,]+/.exec(this.output)?.[0] ?? "";
    if (this.url === "") return false;
    const answer = await fetch(`${this.url}/healthz`).catch(() => null);
    return answer?.status === 200;
  }
}

/** An empty data folder. Whoever makes one removes it. */
export function newDataFolder(): string {
  return mkdtempSync(join(tmpdir(), "carillon-data-"));
}
