import { join } from "node:path";
import { startCluster } from "../support/redis-cluster.ts";
import { freePort } from "../support/free-port.ts";
import { RedisServer, SYNCED_EACH_SECOND } from "../support/redis-server.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Broker, BrokerNeeds, BrokerServer } from "./broker.ts";
import { layNetwork } from "./lay-network.ts";
import { NamespaceNetwork } from "./namespace-network.ts";
import { Unwritten } from "./unwritten.ts";

const NODES_MAX = 16;
const PORT = 6_379;
const CLUSTER_SIZE = 3;
/** Settings of the servers: the append-only file is synced each second, as most have it. Only the run's own machine sees them. */
const SETTINGS = ["--protected-mode", "no", "--loglevel", "notice", ...SYNCED_EACH_SECOND];

/** One Redis, its append-only file synced each second. */
export async function redisBroker({ folder, nodes, isProxied }: BrokerNeeds): Promise<Broker> {
  const { network, place } = await layNetwork({ lines: nodes, port: PORT, log: join(folder, "redis.log"), isProxied });
  let server: RedisServer;
  try {
    server = await RedisServer.startAt(place, ...SETTINGS);
  } catch (error) {
    await network[Symbol.asyncDispose]();
    throw error;
  }
  const unwritten = new Unwritten();
  return {
    nodesMax: NODES_MAX,
    description: "one Redis, AOF everysec",
    servers: [strikable(server, unwritten)],
    remark: () => unwritten.describe(),
    network,
    disconnects: clientKills([server]),
    backplane: (node) => {
      const { host, port } = network.target(node, server.port);
      return { kind: "redis", url: `redis://${host}:${port}` };
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
    },
  };
}

/**
 * Three masters of a Redis Cluster without replicas: one that is down is missed by all. In a namespace each has an address
 * of its own, and so a line; elsewhere lines can't be cut, since a cluster tells nodes where its servers are.
 */
export async function redisClusterBroker({ folder, isProxied }: BrokerNeeds): Promise<Broker> {
  const network = isProxied ? null : await NamespaceNetwork.create(CLUSTER_SIZE, "server").catch(() => null);
  const start = async (index: number, settings: readonly string[]): Promise<RedisServer> => {
    const log = join(folder, `redis-${index}.log`);
    const port = network === null ? await freePort() : PORT + index;
    if (network === null) {
      const place = { host: "127.0.0.1", bind: "127.0.0.1", port, command: [], log };
      return RedisServer.startAt(place, ...SETTINGS, ...settings, "--cluster-port", String(await freePort()));
    }
    const { host } = network.target(index, port);
    return RedisServer.startAt(network.place(port, log), ...SETTINGS, ...settings, "--cluster-announce-ip", host);
  };
  const servers = await startCluster(start);
  const { host, port } = network?.target(0, servers[0].port) ?? { host: "127.0.0.1", port: servers[0].port };
  const unwritten = new Unwritten();
  return {
    nodesMax: NODES_MAX,
    description: "a Redis Cluster of three masters, AOF everysec",
    servers: servers.map((server) => strikable(server, unwritten)),
    remark: () => unwritten.describe(),
    network,
    disconnects: clientKills(servers),
    backplane: () => ({ kind: "redis", url: `redis://${host}:${port}` }),
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server[Symbol.asyncDispose]();
      await network?.[Symbol.asyncDispose]();
    },
  };
}

function strikable(server: RedisServer, unwritten: Unwritten): BrokerServer {
  return {
    kill: async () => {
      await unwritten.ask(server);
      await server.end();
    },
    start: () => server.start(),
    stop: async () => {
      server.signal("SIGSTOP");
      await Promise.resolve();
    },
    resume: () => server.signal("SIGCONT"),
  };
}

/** A connection that was in the list may have ended by itself. */
function hasGone(error: unknown): void {
  if (!String(error).includes("No such client")) throw error;
}

/** `CLIENT KILL` of all connections for calls, of all that listen, and of any one. */
function clientKills(servers: readonly RedisServer[]): Broker["disconnects"] {
  const of = (type: string) => async (random: SeededRandom) => {
    await random.pick(servers).command("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
  };
  return {
    "CLIENT KILL TYPE normal": of("normal"),
    "CLIENT KILL TYPE pubsub": of("pubsub"),
    "CLIENT KILL of one": async (random) => {
      const server = random.pick(servers);
      const list = String(await server.command("CLIENT", "LIST"));
      // The one that asks for the list is in it.
      const others = list.split("\n").filter((line) => line !== "" && !line.includes("cmd=client"));
      const ids = others.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? "");
      if (ids.length > 0) await server.command("CLIENT", "KILL", "ID", random.pick(ids)).catch(hasGone);
    },
  };
}
