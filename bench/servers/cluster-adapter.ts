import { Redis } from "ioredis";
import type { ServerOptions } from "socket.io";

type Adapter = NonNullable<ServerOptions["adapter"]>;

/** What is used of the two adapters, which are fetched when they are first measured. */
interface AdapterModule {
  createAdapter(redis: Redis, options: object): Adapter;
  createShardedAdapter?(publishing: Redis, listening: Redis): Adapter;
}

/** How nodes of Socket.IO find each other, by the options of the command line; nothing for one that stands alone. */
export async function clusterAdapter({
  adapter,
  brokerPort,
}: Readonly<Record<string, unknown>>): Promise<{ readonly adapter?: Adapter }> {
  if (typeof brokerPort !== "number") return {};
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- A package outside of the workspace has no types here.
  const module = (await import(`${String(adapter)}dist/index.js`)) as AdapterModule;
  const redis = new Redis({ port: brokerPort, lazyConnect: true });
  await redis.connect();
  if (module.createShardedAdapter === undefined)
    return { adapter: module.createAdapter(redis, { onlyPlaintext: true }) };
  const listening = redis.duplicate();
  await listening.connect();
  return { adapter: module.createShardedAdapter(redis, listening) };
}
