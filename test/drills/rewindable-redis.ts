import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RedisServer, SYNCED_EACH_SECOND } from "../support/redis-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import type { BrokerAddress } from "./node-process.ts";
import type { Rewind, Rewindable } from "./rewindable.ts";

/** A replica that has not caught up by then won't, in milliseconds. */
const SYNC_MS = 20_000;
/** A replica asks for its master again within a second; the pause between two looks, in milliseconds. */
const LOOK_MS = 10;

/**
 * Redis behind an address of its own, which stays when another server takes over.
 *
 *     nodes ──▶ front ──▶ server ◀── link ◀── replica
 */
export class RewindableRedis implements Rewindable {
  readonly ways = ["append-only file", "snapshot", "lagging replica"];
  #server: RedisServer;
  #front!: TcpProxy;
  readonly #copies: string[] = [];

  private constructor(server: RedisServer) {
    this.#server = server;
  }

  static async start(): Promise<RewindableRedis> {
    const redis = new RewindableRedis(await RedisServer.start(...SYNCED_EACH_SECOND));
    redis.#front = await TcpProxy.start({
      host: "127.0.0.1",
      get port() {
        return redis.#server.port;
      },
    });
    return redis;
  }

  get address(): BrokerAddress {
    return { kind: "redis", port: this.#front.port };
  }

  keep(way: string): Promise<Rewind> {
    if (way === "lagging replica") return this.#keepReplica();
    return way === "snapshot" ? this.#keepSnapshot() : this.#keepFile();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#front.close();
    await this.#server[Symbol.asyncDispose]();
    for (const copy of this.#copies) await rm(copy, { recursive: true, force: true });
  }

  /** A copy of the append-only file, as a backup takes it: while the server writes on. */
  async #keepFile(): Promise<Rewind> {
    const copy = await this.#copy();
    return this.#rewind(async () => {
      await this.#putBack(copy);
      await this.#server.start();
    });
  }

  /** A copy of the snapshot. Who restores one starts without the append-only file, and then switches it on. */
  async #keepSnapshot(): Promise<Rewind> {
    await this.#server.command("SAVE");
    const copy = await this.#copy();
    await rm(join(copy, "appendonlydir"), { recursive: true });
    return this.#rewind(async () => {
      await this.#putBack(copy);
      await this.#server.start("--appendonly", "no");
      await this.#server.command("CONFIG", "SET", "appendonly", "yes");
    });
  }

  /** A replica that hears nothing any more, and takes over. */
  async #keepReplica(): Promise<Rewind> {
    const master = this.#server;
    await master.command("CONFIG", "SET", "repl-diskless-sync-delay", "0");
    const link = await TcpProxy.start({ host: "127.0.0.1", port: master.port });
    const replica = await RedisServer.start(...SYNCED_EACH_SECOND);
    await replica.command("REPLICAOF", "127.0.0.1", link.port);
    await inSync(master, replica);
    link.refuse();
    link.reset();
    return this.#rewind(async () => {
      await link.close();
      await master[Symbol.asyncDispose]();
      await replica.command("REPLICAOF", "NO", "ONE");
      this.#server = replica;
    });
  }

  #rewind(putBack: () => Promise<void>): Rewind {
    return {
      crash: async () => {
        this.#front.refuse();
        await this.#server.end("SIGKILL");
      },
      restore: async () => {
        await putBack();
        this.#front.accept();
        return performance.now();
      },
    };
  }

  async #copy(): Promise<string> {
    const copy = await mkdtemp(join(tmpdir(), "carillon-drill-copy-"));
    this.#copies.push(copy);
    await cp(this.#server.folder, copy, { recursive: true });
    return copy;
  }

  async #putBack(copy: string): Promise<void> {
    await rm(this.#server.folder, { recursive: true });
    await cp(copy, this.#server.folder, { recursive: true });
    await rm(copy, { recursive: true });
  }
}

/** Waits until a replica has everything. */
async function inSync(master: RedisServer, replica: RedisServer): Promise<void> {
  const end = performance.now() + SYNC_MS;
  for (;;) {
    const [there, here] = [await replication(master), await replication(replica)];
    const isUp = here.get("master_link_status") === "up";
    if (isUp && Number(here.get("slave_repl_offset")) >= Number(there.get("master_repl_offset"))) return;
    if (performance.now() > end) throw new Error(`The replica is not in sync: ${JSON.stringify([...here])}`);
    await wait(LOOK_MS);
  }
}

async function replication(server: RedisServer): Promise<Map<string, string>> {
  const info = String(await server.command("INFO", "replication"));
  return new Map(info.split("\r\n").map((line) => [line.split(":")[0] ?? "", line.split(":")[1] ?? ""]));
}
