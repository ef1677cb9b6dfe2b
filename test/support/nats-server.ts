import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { appendFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcess } from "./end-process.ts";
import { endedWithThisProcess } from "./ended-with-this-process.ts";
import { freePort } from "./free-port.ts";
import { nats, type NatsOptions } from "@carillon/nats";
import type { BackplaneContext, OpenBackplane } from "@carillon/server";
import type { ServerPlace } from "./server-place.ts";

/** Why tests against NATS can't run here; undefined: they can. */
export function missingNats(): string | undefined {
  try {
    execFileSync("nats-server", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "nats-server is not installed; `npm test` says how to install it.";
  }
}

/** A NATS server of its own, with a folder of its own, on a free port that it keeps across restarts. */
export class NatsServer implements AsyncDisposable {
  readonly folder: string;
  readonly #place: ServerPlace;
  readonly #settings: readonly string[];
  readonly #copies: string[] = [];
  #process: ChildProcess | null = null;

  private constructor(folder: string, place: ServerPlace, settings: readonly string[]) {
    this.folder = folder;
    this.#settings = settings;
    this.#place = place;
  }

  /** Starts one, on a free port of the loopback address if no place was chosen, with further settings as on the command line. */
  static async start(place?: ServerPlace, settings: readonly string[] = []): Promise<NatsServer> {
    const chosen = place ?? { host: "127.0.0.1", bind: "127.0.0.1", port: await freePort(), command: [], log: null };
    const server = new NatsServer(await mkdtemp(join(tmpdir(), "carillon-nats-")), chosen, settings);
    await server.start();
    return server;
  }

  get port(): number {
    return this.#place.port;
  }

  get address(): string {
    return `${this.#place.host}:${this.port}`;
  }

  /** Starts it, or starts it again; resolves once it serves. */
  async start(): Promise<void> {
    const { bind, command, log: file } = this.#place;
    const settings = ["-a", bind, "-p", String(this.port), "-js", "-sd", this.folder, ...this.#settings];
    const [program = "", ...args] = [...command, "nats-server", ...settings];
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = endedWithThisProcess(child);
    let log = "";
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error(`nats-server ended: ${log}`)));
      child.stderr.on("data", (chunk: Buffer) => {
        if (file !== null) appendFileSync(file, chunk);
        if (this.#process !== child || log.includes("Server is ready")) return;
        log += chunk.toString();
        if (log.includes("Server is ready")) resolve();
      });
    });
  }

  /** Ends it as a crash does, or in order. */
  async stop(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    await endProcess(child, signal);
  }

  /** Stops it without a word; resolves once it stands still. */
  async pause(): Promise<void> {
    this.#process?.kill("SIGSTOP");
    const state = `/proc/${this.#process?.pid}/stat`;
    while (/\) T /.exec(await readFile(state, "utf8")) === null) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Lets it go on. */
  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Keeps a copy of the folder while it is stopped for a moment; resolves to what puts it back, in the same way. */
  async copy(): Promise<() => Promise<void>> {
    const kept = await mkdtemp(join(tmpdir(), "carillon-nats-copy-"));
    this.#copies.push(kept);
    await this.stop("SIGTERM");
    await cp(this.folder, kept, { recursive: true });
    await this.start();
    return async () => {
      await this.stop();
      await rm(this.folder, { recursive: true });
      await cp(kept, this.folder, { recursive: true });
      await this.start();
    };
  }

  /** Asks the JetStream API, past every driver. */
  async api(name: string, body: object = {}): Promise<unknown> {
    const socket = connect(this.port, this.#place.host);
    const request = JSON.stringify(body);
    socket.write(
      `CONNECT {"verbose":false}\r\nSUB answer 1\r\nPUB $JS.API.${name} answer ${request.length}\r\n${request}\r\n`,
    );
    let text = "";
    for await (const chunk of socket) {
      text += String(chunk);
      const found = /MSG answer 1 \d+\r\n(.*)\r\n/.exec(text);
      if (found?.[1] !== undefined) return JSON.parse(found[1]);
    }
    throw new Error(`Expected an answer, got ${text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await this.stop();
    for (const path of [this.folder, ...this.#copies]) await rm(path, { recursive: true, force: true });
  }
}

/** Opens a store on a server. */
export function openStore(
  server: { readonly address: string },
  context: BackplaneContext,
  options: Partial<NatsOptions> = {},
): Promise<OpenBackplane> {
  return new Promise((resolve, reject) => {
    const backplane = nats({ servers: server.address, ...options });
    backplane.open(context, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)));
  });
}
