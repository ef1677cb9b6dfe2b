import { createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { Redis } from "ioredis";
import type { ServerOptions } from "socket.io";

/** How nodes of Socket.IO find each other, by the options of the command line; nothing for one that stands alone. */
export async function clusterAdapter({
  adapter,
  brokerPort,
}: Readonly<Record<string, unknown>>): Promise<Pick<Partial<ServerOptions>, "adapter">> {
  if (typeof brokerPort !== "number") return {};
  const redis = new Redis({ port: brokerPort, lazyConnect: true });
  await redis.connect();
  if (adapter === "streams") return { adapter: createAdapter(redis, { onlyPlaintext: true }) };
  const listening = redis.duplicate();
  await listening.connect();
  return { adapter: createShardedAdapter(redis, listening) };
}
