import type { Fault } from "@carillon/server/testing";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { endProcess } from "./end-process.ts";
import { Bundle } from "./bundle.ts";
import type { TcpTarget } from "./tcp-proxy.ts";

/** Settings of a {@link DurableServer}. */
export interface DurableServerOptions {
  /** See {@link DurableServer.program}. */
  readonly program: Bundle;
  readonly folder: string;
  /** Faults that are planted in it. Default: none. */
  readonly faults?: readonly Fault[];
}

/** A server over lmdb that is killed and started again: always the same folder, each time another port. */
export class DurableServer implements TcpTarget, AsyncDisposable {
  readonly host = "127.0.0.1";
  port = 0;
  /** How often it was killed. */
  kills = 0;
  readonly #options: DurableServerOptions;
  #process: ChildProcess | null = null;

  constructor(options: DurableServerOptions) {
    this.#options = options;
  }

  /** Its program, which is to be made once for many of them. */
  static program(): Promise<Bundle> {
    return Bundle.create(new URL("durable-server-process.ts", import.meta.url));
  }

  /** Starts it; resolves when it is ready. Rejects with what it said when it ended instead. */
  async start(): Promise<void> {
    const { program, folder, faults = [] } = this.#options;
    const child = fork(program.file, [folder, "0", faults.join()], {
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#process = child;
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4_000);
    });
    const [answer] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [unknown];
    // An exit has a code or none, and no port.
    if (child.exitCode !== null || child.signalCode !== null || typeof answer !== "number") {
      throw new Error(`The server ended at its start: ${said}`);
    }
    this.port = answer;
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    this.port = 0;
    if (child === null || child.exitCode !== null) return;
    this.kills++;
    await endProcess(child);
  }

  /** A ticket for a user; asks again while the server is down, for ten seconds. */
  async ticket(user: string): Promise<string> {
    for (let tries = 0; ; tries++) {
      const answer = await fetch(`http://${this.host}:${this.port}/ticket?user=${user}`).catch(() => null);
      if (answer?.status === 200) return answer.text();
      if (tries === 200) throw new Error("Expected a ticket within ten seconds.");
      await wait(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
