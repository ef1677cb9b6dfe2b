import type { NodeConnectionOptions } from "@nats-io/transport-node";
import { NatsStoreError } from "./store-error.ts";

/** Where servers are, as the driver takes it, and who connects. */
export type ServerOptions = Pick<NodeConnectionOptions, "user" | "pass" | "token" | "tls"> & {
  /** `host:port`, without a secret in it: these are printed. */
  readonly servers: readonly string[];
};

const PORT = "4222";
const FORM = "Expected each server to be like 127.0.0.1:4222, nats://user:password@host:4222 or tls://host:4222.";

/**
 * Reads addresses: `host:port`, or a URL with `nats://` or `tls://` and perhaps user and password, or a token, in it. The
 * driver takes those beside the addresses, the same for all. Throws a {@link NatsStoreError} that shows none of them.
 */
export function serverOptions(servers: string | readonly string[]): ServerOptions {
  const urls = (typeof servers === "string" ? servers.split(",") : servers).map((text) => parse(text.trim()));
  if (urls.length === 0) throw new NatsStoreError("misconfigured", FORM);
  const secret = urls.find(({ username }) => username !== "");
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === "" ? PORT : port}`),
    ...(secret === undefined ? {} : credentials(secret)),
    ...(urls.some(({ protocol }) => protocol === "tls:") ? { tls: {} } : {}),
  };
}

function parse(text: string): URL {
  const address = text.includes("://") ? text : `nats://${text}`;
  if (!URL.canParse(address)) throw new NatsStoreError("misconfigured", FORM);
  const url = new URL(address);
  const isKnown = url.protocol === "nats:" || url.protocol === "tls:";
  if (!isKnown || url.hostname === "" || !["", "/"].includes(url.pathname)) {
    throw new NatsStoreError("misconfigured", FORM);
  }
  return url;
}

function credentials({ username, password }: URL): Pick<ServerOptions, "user" | "pass" | "token"> {
  const user = decodeURIComponent(username);
  return password === "" ? { token: user } : { user, pass: decodeURIComponent(password) };
}
