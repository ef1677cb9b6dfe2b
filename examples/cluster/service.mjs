// One process that is kept running: started, watched, started again when it dies, ended when it is told to.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A start takes this long at most, in milliseconds. */
const START_MS = 15_000;
/** An end takes this long at most, in milliseconds; then it is made. */
const END_MS = 15_000;
/** Between looks at what is starting, in milliseconds. */
const LOOK_MS = 50;
/** Before what has died is started again, in milliseconds. */
const AGAIN_MS = 1_000;

/**
 * @typedef {object} ServiceOptions
 * @property {string} name as it stands in front of what it prints
 * @property {readonly [program: string, ...args: string[]]} command
 * @property {Readonly<Record<string, string>>} [env] added to the environment
 * @property {() => Promise<boolean>} isReady whether it serves
 * @property {string} [log] the file in which it says what goes wrong, if it doesn't say it here
 */

const CARETAKER = fileURLToPath(new URL("caretaker.mjs", import.meta.url));
/** Ends what runs when this process is killed. Started with the first service. @type {import("node:stream").Writable | null} */
let caretaker = null;

/** @param {"+" | "-"} sign whether it has begun or ended @param {number | undefined} pid */
function tellCaretaker(sign, pid) {
  if (pid === undefined) return;
  if (caretaker === null) {
    const child = spawn(process.execPath, [CARETAKER], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    caretaker = child.stdin;
    // Without it things go on as before.
    child.on("error", () => {});
    caretaker.on("error", () => {});
    child.unref();
  }
  caretaker.write(`${sign}${pid}\n`);
}

/** @param {number} ms @returns {Promise<void>} */
export const pause = (ms) => new Promise((resolve) => void setTimeout(resolve, ms));

export class Service {
  #options;
  /** @type {import("node:child_process").ChildProcess | null} */
  #child = null;
  #isWanted = false;

  /** @param {ServiceOptions} options */
  constructor(options) {
    this.#options = options;
  }

  get name() {
    return this.#options.name;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** Starts it, and resolves when it serves. Rejects when it ends instead, or takes too long. */
  async start() {
    this.#isWanted = true;
    try {
      await this.#begin();
    } catch (error) {
      this.#isWanted = false;
      throw error;
    }
  }

  /** Ends it, and resolves when it has ended. */
  async stop() {
    this.#isWanted = false;
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill() {
    this.#isWanted = false;
    this.#child?.kill("SIGKILL");
  }

  async #begin() {
    const child = this.#spawn();
    const deadline = performance.now() + START_MS;
    while (!(await this.#options.isReady())) {
      if (child.exitCode !== null || child.signalCode !== null) {
        const { log = "above" } = this.#options;
        throw new Error(`${this.name} did not start; it says why: ${log}.`);
      }
      if (performance.now() > deadline) {
        child.kill("SIGKILL");
        throw new Error(`${this.name} is not ready after ${START_MS / 1_000} s.`);
      }
      await pause(LOOK_MS);
    }
    child.once("exit", (code, signal) => void this.#died(signal ?? `exit code ${code}`));
  }

  #spawn() {
    const { command, env = {} } = this.#options;
    const [program, ...args] = command;
    // In a group of its own: Ctrl-C is for start.mjs, which ends everything in order.
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    child.on("error", (error) => console.error(`${this.name} | ${error.message}`));
    tellCaretaker("+", child.pid);
    child.once("exit", () => tellCaretaker("-", child.pid));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
        for (const line of text.split("\n")) if (line.trim() !== "") console.log(`${this.name} | ${line}`);
      });
    }
    this.#child = child;
    return child;
  }

  /** What a service manager or Kubernetes does: again and again, since what it needs may be away. @param {string} how */
  async #died(how) {
    if (!this.#isWanted) return;
    console.log(`${this.name} has ended (${how}) and is started again`);
    for (;;) {
      await pause(AGAIN_MS);
      if (!this.#isWanted) return;
      try {
        await this.#begin();
        console.log(`${this.name} is back, process ${this.pid}`);
        return;
      } catch (error) {
        if (this.#isWanted) console.error(error instanceof Error ? error.message : error);
      }
    }
  }
}
