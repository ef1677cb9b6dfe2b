import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcess } from "./end-process.ts";
import { endedWithThisProcess } from "./ended-with-this-process.ts";
import { freePort } from "./free-port.ts";
import { Redis } from "ioredis";
import type { ServerPlace } from "./server-place.ts";

/** Why suites that need a server are skipped; null: it is there. */
export const WITHOUT_REDIS: string | null =
  spawnSync("redis-server", ["--version"]).status === 0
    ? null
    : "redis-server is not installed; on Debian, as root: apt-get install redis-server";

/** How long to wait for a server. */
const PATIENCE_MS = 10_000;

/** The append-only file is synced each second, as most have it. */
export const SYNCED_EACH_SECOND: readonly string[] = ["--appendonly", "yes", "--appendfsync", "everysec"];

/** A Redis server of a test's own, in a folder of its own. It is gone when the test is. */
export class RedisServer implements AsyncDisposable {
  readonly folder: string;
  readonly #place: ServerPlace;
  readonly #settings: readonly string[];
  readonly #copies: string[] = [];
  #child: ChildProcess | null = null;

  private constructor(place: ServerPlace, folder: string, settings: readonly string[]) {
    this.folder = folder;
    this.#place = place;
    this.#settings = settings;
  }

  /**
   * Starts one, with settings as on the command line. Without any it writes an append-only file, and the system decides when it is synced. So
   * a SIGKILL loses nothing; synced each second it may, if a sync is under way (docs/reliability.md, "What Redis itself loses").
   */
  static async start(...settings: string[]): Promise<RedisServer> {
    const place = { host: "127.0.0.1", bind: "127.0.0.1", port: await freePort(), command: [], log: null };
    return RedisServer.startAt(place, ...settings);
  }

  /** Starts one in a place that was chosen for it. */
  static async startAt(place: ServerPlace, ...settings: string[]): Promise<RedisServer> {
    const server = new RedisServer(place, await mkdtemp(join(tmpdir(), "carillon-redis-")), settings);
    await server.start();
    return server;
  }

  get port(): number {
    return this.#place.port;
  }

  /** `host:port` */
  get address(): string {
    return `${this.#place.host}:${this.port}`;
  }

  get url(): string {
    return `redis://${this.address}`;
  }

  /** The server process. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("Expected a running server.");
    return pid;
  }

  /** Starts it, again after it was ended; for this once with further settings, which win. */
  async start(...further: string[]): Promise<void> {
    const { bind, command, log } = this.#place;
    const own = ["--port", String(this.port), "--bind", bind, "--dir", this.folder, "--save", ""];
    const durable = this.#settings.includes("--appendonly") ? [] : ["--appendonly", "yes", "--appendfsync", "no"];
    // A replica is sent its copy at once: servers wait for more of them to come, five seconds.
    const prompt = ["--repl-diskless-sync-delay", "0"];
    const args = [...own, ...prompt, ...durable, "--enable-debug-command", "yes", ...this.#settings, ...further];
    const [program = "", ...rest] = [...command, "redis-server", ...args];
    const out = log === null ? "ignore" : openSync(log, "a");
    this.#child = endedWithThisProcess(spawn(program, rest, { stdio: ["ignore", out, out] }));
    // The process has a copy.
    if (out !== "ignore") closeSync(out);
    await this.ready();
  }

  /** Resolves when it serves. */
  async ready(): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        if ((await this.command("PING")) === "PONG") return;
      } catch (error) {
        if (Date.now() > end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends one command over a connection of its own. */
  async command(name: string, ...args: (string | number)[]): Promise<unknown> {
    const { host, port } = this.#place;
    // What it says while it loads its data is an answer like any other.
    const settings = { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null, connectTimeout: 1_000 };
    const redis = new Redis({ host, port, ...settings });
    redis.on("error", () => {});
    try {
      await redis.connect();
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }

  /** A signal to the process. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Ends the process; with SIGKILL unless it is said otherwise. */
  async end(name: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    const ended = endProcess(child, name);
    // A stopped process does not hear anything else.
    if (name !== "SIGKILL") child?.kill("SIGCONT");
    await ended;
  }

  /** Keeps a copy of the files while it is ended for a moment, in order; resolves to what puts it back, as after a crash. */
  async copy(): Promise<() => Promise<void>> {
    const kept = await mkdtemp(join(tmpdir(), "carillon-redis-copy-"));
    this.#copies.push(kept);
    await this.end("SIGTERM");
    await cp(this.folder, kept, { recursive: true });
    await this.start();
    return async () => {
      await this.end();
      await rm(this.folder, { recursive: true });
      await cp(kept, this.folder, { recursive: true });
      await this.start();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    for (const path of [this.folder, ...this.#copies]) await rm(path, { recursive: true, force: true });
  }
}
