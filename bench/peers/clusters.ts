import { spawnSync } from "node:child_process";
import { JETSTREAM, REDIS } from "./brokers.ts";
import { CARILLON } from "./carillon.ts";
import { installDebian, installPackage } from "./install.ts";
import { nodeServer, type Peer } from "./peer.ts";
import { SOCKET_IO } from "./socket-io.ts";
import { FAULTS, WS } from "./ws.ts";

const NODES = 3;
const DURABLE = "Redis writes an append-only file, synced each second (appendfsync everysec), for all alike";

async function withBroker(
  peer: Peer,
  program: string,
  debian: string,
): Promise<{ version: string } | { missing: string }> {
  const missing = installDebian(program, [debian]);
  if (missing !== null) return { missing };
  const found = await peer.find();
  if ("missing" in found) return found;
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return { version: `${found.version} with ${program} ${/v=?(\d[\d.]*)/.exec(stdout)?.[1] ?? "?"}` };
}

function onRedis(nodes: number): Pick<Peer, "cluster" | "command"> {
  return {
    cluster: { nodes, broker: REDIS },
    command: (port, purpose) => nodeServer("carillon.ts", port, purpose, { redisPort: purpose.brokerPort }),
  };
}

/** Three nodes on one Redis. */
export const CARILLON_REDIS: Peer = {
  ...CARILLON,
  ...onRedis(NODES),
  name: "Carillon ×3, Redis",
  settings: ["three nodes on one Redis; everything else as Carillon", DURABLE],
  find: () => withBroker(CARILLON, "redis-server", "redis-server"),
};

/** What a single node pays for having Redis behind it. */
export const CARILLON_REDIS_SINGLE: Peer = {
  ...CARILLON_REDIS,
  ...onRedis(1),
  name: "Carillon ×1, Redis",
  settings: ["one node on one Redis; everything else as Carillon", DURABLE],
};

/** Three nodes on one NATS. */
export const CARILLON_NATS: Peer = {
  ...CARILLON,
  name: "Carillon ×3, NATS",
  settings: ["three nodes on one nats-server with JetStream in a file (sync_interval as by default)", "GOMAXPROCS 1"],
  cluster: { nodes: NODES, broker: JETSTREAM },
  command: (port, purpose) => nodeServer("carillon.ts", port, purpose, { natsPort: purpose.brokerPort }),
  find: () => withBroker(CARILLON, "nats-server", "nats-server"),
};

/** Three nodes of Socket.IO on one Redis, by the adapter that loses nothing while Redis is there. */
export const SOCKET_IO_STREAMS: Peer = {
  ...socketIoCluster("@socket.io/redis-streams-adapter", "0.3.1"),
  name: "Socket.IO ×3, Streams",
  settings: [
    "three nodes with @socket.io/redis-streams-adapter 0.3.1 on ioredis; everything else as Socket.IO",
    "onlyPlaintext, as its documentation offers for text: it saves a search for binary data; maxLen 10,000 and readCount 100, its defaults",
    DURABLE,
  ],
};

/** Three nodes of Socket.IO on one Redis, by Pub/Sub: nothing is kept. */
export const SOCKET_IO_SHARDED: Peer = {
  ...socketIoCluster("@socket.io/redis-adapter", "8.3.0"),
  name: "Socket.IO ×3, Pub/Sub",
  settings: [
    "three nodes with the sharded adapter of @socket.io/redis-adapter 8.3.0 on ioredis, nothing is kept; everything else as Socket.IO",
  ],
};

/** The adapters are fetched when they are first measured, like other peers. */
function socketIoCluster(adapter: string, version: string): Peer {
  let folder = "";
  return {
    ...SOCKET_IO,
    cluster: { nodes: NODES, broker: REDIS },
    command: (port, purpose) =>
      nodeServer("socket-io.ts", port, purpose, { recovers: false, adapter: folder, brokerPort: purpose.brokerPort }),
    find: () => {
      const installed = installPackage(adapter, version);
      if ("missing" in installed) return Promise.resolve(installed);
      folder = installed.folder;
      return withBroker(SOCKET_IO, "redis-server", "redis-server");
    },
  };
}

/** Controls: clusters with a fault each, which the bench must find. */
export const FAULTY_CLUSTERS: readonly Peer[] = [undefined, ...Object.keys(FAULTS)].map((fault) => ({
  ...WS,
  name: `${fault ?? "plain"} cluster`,
  settings: ["three nodes of ws that pass messages on by Pub/Sub"],
  cluster: { nodes: NODES, broker: REDIS },
  command: (port, purpose) => nodeServer("ws-loop.ts", port, purpose, { fault, brokerPort: purpose.brokerPort }),
}));
