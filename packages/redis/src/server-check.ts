import type { Logger } from "@carillon/server/backplane";
import type { Redis } from "ioredis";
import { RedisError } from "./store-error.ts";

const VERSION_MIN = 7;

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
}

/**
 * Looks whether the server can keep the promises, and throws a {@link RedisError} that says why not. Throws a plain error
 * while it only can't serve yet: it loads its data, or follows another server.
 */
export async function checkServer(redis: Redis): Promise<void> {
  const info = await redis.info();
  // Valkey says which Redis it is compatible with; its first release is that of Redis 7.2.
  const version = fieldOf(info, "redis_version");
  if (Number.parseInt(version, 10) < VERSION_MIN) {
    throw new RedisError("too_old", `Expected Redis ${VERSION_MIN}.0 or newer, the server is ${version}. Update it.`);
  }
  if (fieldOf(info, "arch_bits") === "32") {
    throw new RedisError(
      "too_old",
      "Expected a 64-bit Redis, the server has 32 bits, too few for the scripts. Replace it.",
    );
  }
  const policy = fieldOf(info, "maxmemory_policy");
  if (policy !== "" && policy !== "noeviction") {
    throw new RedisError(
      "evicts",
      `Expected maxmemory-policy noeviction, the server has ${policy}: it would take away what was acknowledged. ` +
        "Set it to noeviction, or use a server of its own.",
    );
  }
  if (fieldOf(info, "loading") === "1") throw new Error("LOADING Redis is loading its data.");
  if (fieldOf(info, "role") === "slave") throw new Error("READONLY The server follows another one.");
}

/** Says once what the server will lose when it is killed. */
export async function warnOfLosses(redis: Redis, logger: Logger): Promise<void> {
  const info = await redis.info("persistence");
  if (fieldOf(info, "aof_enabled") === "1") return;
  logger.warn(
    "Redis runs without an append-only file: when it restarts, acknowledged publications are lost. Subscribers are told. " +
      "Set appendonly yes, and appendfsync always, or everysec.",
  );
}
