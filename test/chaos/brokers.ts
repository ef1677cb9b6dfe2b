import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { NatsServer } from "../support/nats-server.ts";
import type { NodeBackplane } from "./node-backplane.ts";

/** What nodes share, running. A broker that is a process of its own is started, and killed, behind this. */
export interface Broker {
  /** What each node is started with. */
  readonly backplane: NodeBackplane;
  /** Nodes that may share it at most. */
  readonly nodesMax: number;
  /** How it is configured, in words, for the result of a run: "AOF everysec". */
  readonly description: string;
  /** What may befall it during a run, by name; each call is one blow, and resolves when it is over. Empty: nothing. */
  readonly blows: Readonly<Record<string, () => Promise<void>>>;
  close(): Promise<void>;
}

/** Starts a broker that keeps its files in a folder of the run. */
type BrokerStarter = (folder: string) => Promise<Broker>;

const embedded = (backplane: NodeBackplane, description: string): Promise<Broker> =>
  Promise.resolve({ backplane, nodesMax: 1, description, blows: {}, close: () => Promise.resolve() });

/** How long a stopped broker stands still: longer than a node waits before it says that the store is out of reach. */
const STALL_MS = 6_000;

async function natsServer(): Promise<Broker> {
  const server = await NatsServer.start();
  return {
    backplane: { kind: "nats", servers: server.address },
    nodesMax: 16,
    description: "one NATS with JetStream, sync_interval of 2 minutes",
    blows: {
      kill: async () => {
        await server.stop();
        await server.start();
      },
      stall: async () => {
        await server.pause();
        await wait(STALL_MS);
        server.resume();
      },
    },
    close: () => server[Symbol.asyncDispose](),
  };
}

/** By the name that `--backplane` takes. */
export const BROKERS: Readonly<Record<string, BrokerStarter>> = {
  lmdb: (folder) => embedded({ kind: "lmdb", path: join(folder, "data") }, "every commit synced to disk"),
  nats: natsServer,
  memory: () => embedded({ kind: "memory" }, "nothing survives its process"),
};
