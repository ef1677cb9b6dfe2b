/** The Redis backplane: many nodes over one Redis, or over a Redis Cluster. */
export { redis, type RedisBackplaneOptions } from "./redis.ts";
export { RedisError, type RedisErrorCode } from "./store-error.ts";
