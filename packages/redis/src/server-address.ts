import type { RedisOptions } from "ioredis";
import { RedisError } from "./store-error.ts";

const PORT = 6_379;

/** Options of the driver: TLS, Sentinel, names. What the store decides by itself can't be changed by them. */
export type DriverOptions = Omit<RedisOptions, "replyMapping">;

/** The options of the driver for a URL, with those that were given beside it. Throws a {@link RedisError}. */
export function serverOptions(url: string, more: DriverOptions): DriverOptions {
  let address: URL;
  try {
    address = new URL(url);
  } catch (error) {
    throw new RedisError("bad_options", "Expected url to be like redis://user:password@host:6379.", { cause: error });
  }
  const { protocol, hostname, port, username, password, pathname } = address;
  if (protocol !== "redis:" && protocol !== "rediss:") {
    throw new RedisError("bad_options", `Expected url to start with redis:// or rediss://, got ${protocol}//.`);
  }
  const db = Number(pathname.slice(1));
  if (!Number.isInteger(db)) throw new RedisError("bad_options", "Expected the path of url to be a database number.");
  return {
    host: hostname === "" ? "127.0.0.1" : hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? PORT : Number(port),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(db === 0 ? {} : { db }),
    ...(protocol === "rediss:" ? { tls: {} } : {}),
    ...more,
  };
}
