import { join } from "node:path";
import type { BrokerStarter } from "./broker.ts";
import { embeddedBroker } from "./embedded-broker.ts";
import { natsBroker } from "./nats-broker.ts";
import { redisBroker, redisClusterBroker } from "./redis-broker.ts";

/** By the name that `--backplane` takes. */
export const BROKERS: Readonly<Record<string, BrokerStarter>> = {
  lmdb: ({ folder }) => embeddedBroker({ kind: "lmdb", path: join(folder, "data") }, "every commit synced to disk"),
  redis: redisBroker,
  "redis-cluster": redisClusterBroker,
  nats: natsBroker,
  memory: () => embeddedBroker({ kind: "memory" }, "nothing survives its process"),
};
