import { lmdb, StoreError } from "@carillon/lmdb";
import { nats, NatsStoreError } from "@carillon/nats";
import { redis, RedisError } from "@carillon/redis";
import { memory, type Backplane } from "@carillon/server";
import { makeDataFolder } from "./data-folder.ts";
import { StartError } from "./start-error.ts";
import type { StoreChoice } from "./store-choice.ts";

/** The backplane of a choice; a folder is made if it is not there. Rejects with a {@link StartError}. */
export async function backplaneOf(choice: StoreChoice): Promise<Backplane> {
  if (choice.kind === "memory") return memory();
  if (choice.kind === "folder") {
    await makeDataFolder(choice.folder);
    return lmdb({ path: choice.folder });
  }
  return choice.kind === "redis"
    ? redis({ url: choice.url, name: choice.name })
    : nats({ servers: choice.url, name: choice.name });
}

/** What went wrong at the start, with a store's own sentence as one for the terminal; anything else stays what it is. */
export function startFailure(error: unknown): unknown {
  if (error instanceof StoreError) return new StartError(error.message, { cause: error });
  if (error instanceof RedisError) return brokerFailure(error, "redis");
  if (error instanceof NatsStoreError) return brokerFailure(error, "nats");
  return error;
}

function brokerFailure(error: RedisError | NatsStoreError, broker: "redis" | "nats"): StartError {
  const sentence = error.message.replace(/\.?$/, ".");
  const advice = ` Start it, or name another with CARILLON_${broker.toUpperCase()} or --${broker}.`;
  return new StartError(error.code === "unreachable" ? `${sentence}${advice}` : sentence, { cause: error });
}
