// A broker, three nodes that share it, and a proxy in front.
import { mkdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pause, Service } from "./service.mjs";

const NODES = 3;
const COMMAND = fileURLToPath(import.meta.resolve("carillon/package.json").replace("package.json", "bin/carillon.js"));
const PROXY_CONFIG = fileURLToPath(new URL("haproxy.cfg", import.meta.url));
/** The proxy has to hear of a node within this time, in milliseconds. */
const NOTICE_MS = 10_000;

/**
 * Starts, watches, restarts and ends all of it.
 *
 * @typedef {object} Ports
 * @property {number} proxy
 * @property {readonly number[]} nodes
 * @property {number} broker
 * @property {number} status the proxy's own page
 */
export class Cluster {
  #ports;
  #broker;
  #nodes;
  #proxy;

  /** @param {Ports} ports @param {"redis" | "nats"} kind @param {string} data a folder for what the broker keeps */
  constructor(ports, kind, data) {
    this.#ports = ports;
    this.#broker = kind === "redis" ? redis(ports.broker, join(data, "redis")) : nats(ports.broker, join(data, "nats"));
    this.#nodes = ports.nodes.map((port, index) => node(`node ${index + 1}`, port, kind, ports));
    this.#proxy = haproxy(ports);
  }

  get address() {
    return `http://localhost:${this.#ports.proxy}`;
  }

  get statusAddress() {
    return `http://127.0.0.1:${this.#ports.status}/`;
  }

  /** The processes, by name. */
  get pids() {
    return [this.#broker, ...this.#nodes, this.#proxy].map(({ name, pid }) => `${name}: ${pid}`);
  }

  async start() {
    await this.#broker.start();
    await Promise.all([...this.#nodes.map((each) => each.start()), this.#proxy.start()]);
    for (let index = 1; index <= NODES; index += 1) await this.#noticed(index);
  }

  /** One node after the other: the next goes when the one before is back, and the proxy knows it. @param {(line: string) => void} say */
  async restart(say) {
    for (const [index, each] of this.#nodes.entries()) {
      const startMs = performance.now();
      say(`${each.name}: its clients are told to go to the others`);
      await each.stop();
      const goneMs = performance.now();
      await each.start();
      await this.#noticed(index + 1);
      const [left, back] = [goneMs - startMs, performance.now() - goneMs].map((ms) => (ms / 1_000).toFixed(1));
      say(`${each.name}: left within ${left} s, is back after ${back} s, process ${each.pid}`);
    }
  }

  /** Nodes first: they have something to say to their clients, and to the broker. */
  async stop() {
    await Promise.all(this.#nodes.map((each) => each.stop()));
    await this.#proxy.stop();
    await this.#broker.stop();
  }

  kill() {
    for (const each of [...this.#nodes, this.#proxy, this.#broker]) each.kill();
  }

  /** Resolves when the proxy sends clients to a node. @param {number} number */
  async #noticed(number) {
    const deadline = performance.now() + NOTICE_MS;
    const line = new RegExp(`^ready_nodes,node${number},.*,UP,`, "m");
    while (!line.test(await textOf(`${this.statusAddress};csv`))) {
      if (performance.now() > deadline) throw new Error(`The proxy does not find node ${number}.`);
      await pause(50);
    }
  }
}

/**
 * @param {string} name
 * @param {number} port
 * @param {"redis" | "nats"} kind
 * @param {Ports} ports
 */
function node(name, port, kind, ports) {
  const broker = `${kind}://127.0.0.1:${ports.broker}`;
  return new Service({
    name,
    command: [process.execPath, COMMAND, "start"],
    env: {
      HOST: "127.0.0.1",
      PORT: String(port),
      // Only one place to keep things may be set.
      CARILLON_DATA: "",
      CARILLON_REDIS: kind === "redis" ? broker : "",
      CARILLON_NATS: kind === "nats" ? broker : "",
      // What stands in the address bar is the proxy's address, not the node's.
      CARILLON_ORIGINS: `http://localhost:${ports.proxy},http://127.0.0.1:${ports.proxy}`,
      CARILLON_TRUST_PROXY: "1",
      // Long enough to see it, short enough to try it. The default is 5 s.
      CARILLON_DRAIN: "2s",
    },
    isReady: async () => (await statusOf(`http://127.0.0.1:${port}/readyz`)) === 200,
  });
}

/** What is acknowledged is in the append-only file, and survives a `kill -9` of Redis. @param {number} port @param {string} folder */
function redis(port, folder) {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, "redis.log");
  const place = ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--logfile", log];
  const promises = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"];
  const isReady = async () => (await answerOf(port, "PING\r\n")).startsWith("+PONG");
  return new Service({ name: "redis", command: ["redis-server", ...place, "--save", "", ...promises], isReady, log });
}

/** @param {number} port @param {string} folder */
function nats(port, folder) {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, "nats.log");
  const place = ["-a", "127.0.0.1", "-p", String(port), "-l", log];
  const isReady = async () => (await answerOf(port, "")).startsWith("INFO");
  return new Service({ name: "nats", command: ["nats-server", "-js", "-sd", folder, ...place], isReady, log });
}

/** @param {Ports} ports */
function haproxy({ proxy, status, nodes }) {
  return new Service({
    name: "haproxy",
    // -q: it warns at its start that the nodes are still starting.
    command: ["haproxy", "-db", "-q", "-f", PROXY_CONFIG],
    env: {
      PORT: String(proxy),
      STATUS: String(status),
      ...Object.fromEntries(nodes.map((port, index) => [`NODE_${index + 1}`, String(port)])),
    },
    isReady: async () => (await statusOf(`http://127.0.0.1:${status}/`)) === 200,
  });
}

/** @param {string} url @returns {Promise<number>} 0: nobody answers */
async function statusOf(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
  await answer?.text().catch(() => "");
  return answer?.status ?? 0;
}

/** @param {string} url */
async function textOf(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
  return (await answer?.text().catch(() => "")) ?? "";
}

/** The first that a server says. @param {number} port @param {string} question @returns {Promise<string>} */
function answerOf(port, question) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(question));
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on("error", () => {}).on("close", () => resolve(""));
    socket.setEncoding("latin1").once("data", (text) => {
      resolve(String(text));
      socket.destroy();
    });
  });
}

/**
 * The proxy's port and those after it; with 0, free ones.
 *
 * @param {number} port
 * @returns {Promise<Ports>}
 */
export async function portsFrom(port) {
  const wanted = Array.from({ length: NODES + 3 }, (_, index) => (port === 0 ? 0 : port + index));
  const servers = await Promise.all(wanted.map(listen));
  const [proxy = 0, ...rest] = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))));
  return { proxy, nodes: rest.slice(0, NODES), broker: rest[NODES] ?? 0, status: rest[NODES + 1] ?? 0 };
}

/** Rejects with a sentence when the port is taken. @param {number} port @returns {Promise<import("node:net").Server>} */
function listen(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    const refuse = (/** @type {string} */ why) =>
      reject(new Error(`Port ${port} ${why}: choose others with PORT, such as PORT=9080 for 9080 to 9085.`));
    if (!(port <= 65_535)) return refuse("is none");
    server.once("error", (error) => {
      const isTaken = "code" in error && error.code === "EADDRINUSE";
      refuse(isTaken ? "is in use" : "can't be had");
    });
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
