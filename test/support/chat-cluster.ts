import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endProcess } from "./end-process.ts";
import { until } from "./until.ts";
import { NatsServer } from "./nats-server.ts";
import { freePort } from "./free-port.ts";
import { RedisServer } from "./redis-server.ts";
import { ServerProcess } from "./server-process.ts";

/** What the nodes keep everything in. The last two make no cluster: each node has a memory, or a name, of its own. */
export type Keeping = "redis" | "nats" | "memory" | "apart";

/** The proxy of the example, as its users get it. */
const PROXY_CONFIG = fileURLToPath(new URL("../../examples/cluster/haproxy.cfg", import.meta.url));
const NODES = 3;
/** The proxy has to hear of a node within this time, in milliseconds. */
const NOTICE_MS = 15_000;

/** The real command three times over a broker, and HAProxy in front, without sticky sessions. */
export class ChatCluster implements AsyncDisposable {
  /** Where browsers find it. */
  readonly url: string;
  readonly #nodes: ServerProcess[] = [];
  readonly #keeping: Keeping;
  readonly #broker: RedisServer | NatsServer;
  readonly #status: string;
  #proxy: ChildProcess | null = null;

  private constructor(keeping: Keeping, broker: RedisServer | NatsServer, port: number, statusPort: number) {
    this.#keeping = keeping;
    this.#broker = broker;
    this.url = `http://127.0.0.1:${port}`;
    this.#status = `http://127.0.0.1:${statusPort}/;csv`;
  }

  static async start(keeping: Keeping): Promise<ChatCluster> {
    const broker = await (keeping === "nats" ? NatsServer.start() : RedisServer.start());
    const [port, statusPort] = [await freePort(), await freePort()];
    const cluster = new ChatCluster(keeping, broker, port, statusPort);
    try {
      const starts = Array.from({ length: NODES }, (_, index) => cluster.#startNode(index, 0));
      cluster.#nodes.push(...(await Promise.all(starts)));
      const ports = Object.fromEntries(cluster.#nodes.map((node, index) => [`NODE_${index + 1}`, String(node.port)]));
      cluster.#proxy = spawn("haproxy", ["-db", "-q", "-f", PROXY_CONFIG], {
        env: { ...process.env, ...ports, PORT: String(port), STATUS: String(statusPort) },
        stdio: "ignore",
      });
      for (let index = 0; index < NODES; index += 1) await cluster.#noticed(index, "UP");
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Connections of each node, as the proxy counts them: WebSockets, once the pages are loaded. */
  async connections(): Promise<number[]> {
    const rows = await this.#rows();
    return Array.from({ length: NODES }, (_, index) => Number(rows.get(`node${index + 1}`)?.[SESSIONS_COLUMN]));
  }

  /** Where a node is found past the proxy. */
  nodeUrl(index: number): string {
    return this.#node(index).url;
  }

  /** Kills a node with SIGKILL. */
  async kill(index: number): Promise<void> {
    await this.#node(index).kill();
  }

  /** Starts a node again where it was, and resolves when the proxy sends clients to it. */
  async revive(index: number): Promise<void> {
    this.#nodes[index] = await this.#startNode(index, this.#node(index).port);
    await this.#noticed(index, "UP");
  }

  /** Kills the broker with SIGKILL. */
  async killBroker(): Promise<void> {
    await (this.#broker instanceof RedisServer ? this.#broker.end() : this.#broker.stop());
  }

  /** Starts the broker again, on what it had. */
  async reviveBroker(): Promise<void> {
    await this.#broker.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#proxy);
    await Promise.all(this.#nodes.map((node) => node.kill()));
    await this.#broker[Symbol.asyncDispose]();
  }

  #node(index: number): ServerProcess {
    const node = this.#nodes[index];
    if (node === undefined) throw new Error(`Expected a node from 0 to ${NODES - 1}.`);
    return node;
  }

  #startNode(index: number, port: number): Promise<ServerProcess> {
    const url = this.#broker instanceof RedisServer ? this.#broker.url : `nats://${this.#broker.address}`;
    const isRedis = this.#keeping === "redis" || this.#keeping === "apart";
    const env = {
      PORT: String(port),
      CARILLON_DATA: this.#keeping === "memory" ? ":memory:" : "",
      CARILLON_REDIS: isRedis ? url : "",
      CARILLON_NATS: this.#keeping === "nats" ? url : "",
      CARILLON_NAME: this.#keeping === "apart" ? `node-${index}` : "",
      CARILLON_ORIGINS: this.url,
      CARILLON_TRUST_PROXY: "1",
    };
    return ServerProcess.start({ env });
  }

  async #noticed(index: number, state: string): Promise<void> {
    const row = `node${index + 1}`;
    const isSo = async (): Promise<boolean> => (await this.#rows()).get(row)?.[STATE_COLUMN] === state;
    await until(isSo, `the proxy takes node ${index} for ${state}`, NOTICE_MS);
  }

  /** What the proxy says of each node, in columns. */
  async #rows(): Promise<ReadonlyMap<string, readonly string[]>> {
    const answer = await fetch(this.#status).catch(() => null);
    const lines = ((await answer?.text()) ?? "").split("\n").map((line) => line.split(","));
    return new Map(lines.flatMap((row) => (row[0] === "ready_nodes" && row[1] !== undefined ? [[row[1], row]] : [])));
  }
}

/** Columns of HAProxy's CSV format: `scur` and `status` (management guide, section 9.1). */
const SESSIONS_COLUMN = 4;
const STATE_COLUMN = 17;
