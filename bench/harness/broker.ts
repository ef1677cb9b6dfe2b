import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess, type Command } from "./server-process.ts";

/** What nodes of a cluster share: started before them, in a folder of its own. */
export type BrokerCommand = (port: number, folder: string) => Command;

/** A broker under measurement, beside its nodes. Its files are gone when it is. */
export class Broker implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly #folder: string;

  private constructor(server: ServerProcess, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  static async start(command: BrokerCommand, cpu: number | null): Promise<Broker> {
    const folder = mkdtempSync(join(tmpdir(), "carillon-bench-broker-"));
    try {
      return new Broker(await ServerProcess.start((port) => command(port, folder), cpu), folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
