import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NatsServer } from "../support/nats-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import type { BrokerAddress } from "./node-process.ts";
import type { Rewind, Rewindable } from "./rewindable.ts";

/** NATS with one folder, behind an address that can be closed: a copy of the folder is put back under nobody's eyes. */
export class RewindableNats implements Rewindable {
  readonly ways = ["JetStream folder"];
  readonly #server: NatsServer;
  readonly #front: TcpProxy;

  private constructor(server: NatsServer, front: TcpProxy) {
    this.#server = server;
    this.#front = front;
  }

  static async start(): Promise<RewindableNats> {
    const server = await NatsServer.start();
    return new RewindableNats(server, await TcpProxy.start({ host: "127.0.0.1", port: server.port }));
  }

  get address(): BrokerAddress {
    return { kind: "nats", port: this.#front.port };
  }

  /** The server is stopped in order for the copy, so that it is whole: what it is thrown back to was once synced. */
  async keep(): Promise<Rewind> {
    const copy = await mkdtemp(join(tmpdir(), "carillon-drill-copy-"));
    await this.#server.stop("SIGTERM");
    await cp(this.#server.folder, copy, { recursive: true });
    await this.#server.start();
    return {
      crash: async () => {
        this.#front.refuse();
        await this.#server.stop("SIGKILL");
      },
      restore: async () => {
        await rm(this.#server.folder, { recursive: true });
        await cp(copy, this.#server.folder, { recursive: true });
        await rm(copy, { recursive: true });
        await this.#server.start();
        this.#front.accept();
        return performance.now();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#front.close();
    await this.#server[Symbol.asyncDispose]();
  }
}
