import { join } from "node:path";
import { NatsServer } from "../support/nats-server.ts";
import type { Broker, BrokerNeeds } from "./broker.ts";
import { layNetwork } from "./lay-network.ts";

const NODES_MAX = 16;
const PORT = 4_222;

/** One NATS with JetStream. It breaks no connections on command: the network does. */
export async function natsBroker({ folder, nodes, isProxied }: BrokerNeeds): Promise<Broker> {
  const { network, place } = await layNetwork({ lines: nodes, port: PORT, log: join(folder, "nats.log"), isProxied });
  let server: NatsServer;
  try {
    server = await NatsServer.start(place);
  } catch (error) {
    await network[Symbol.asyncDispose]();
    throw error;
  }
  return {
    nodesMax: NODES_MAX,
    description: "one NATS with JetStream, sync_interval of 2 minutes",
    servers: [
      {
        kill: () => server.stop(),
        start: () => server.start(),
        stop: () => server.pause(),
        resume: () => server.resume(),
      },
    ],
    network,
    disconnects: {},
    backplane: (node) => {
      const { host, port } = network.target(node, server.port);
      return { kind: "nats", servers: `${host}:${port}` };
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
    },
  };
}
