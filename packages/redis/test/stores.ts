import { redis, type RedisBackplaneOptions } from "@carillon/redis";
import type { BackplaneContext, OpenBackplane } from "@carillon/server/backplane";

/** Opens the store. */
export function openStore(options: RedisBackplaneOptions, context: BackplaneContext): Promise<OpenBackplane> {
  return new Promise((resolve, reject) => {
    redis(options).open(context, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)));
  });
}
