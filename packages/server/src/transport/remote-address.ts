import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * The address of the peer, without port. `hops` is the number of proxies in front that are ours: each of them appends
 * the address that it saw to `X-Forwarded-For`, so the one that the outermost of them saw is the `hops`-th from the
 * right. Everything further left was written by the peer and is worth nothing. With 0, the header is not read at all.
 */
export function remoteAddressOf(request: IncomingMessage, hops: number): string {
  const direct = withoutMapping(request.socket.remoteAddress ?? "");
  if (hops <= 0) return direct;
  const header = request.headers["x-forwarded-for"];
  const entries = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",").map((entry) => entry.trim());
  const claimed = entries[Math.max(0, entries.length - hops)] ?? "";
  const address = withoutMapping(withoutPort(claimed));
  return isIP(address) === 0 ? direct : address;
}

/** Some proxies write `1.2.3.4:567` and `[::1]:567`. */
function withoutPort(entry: string): string {
  const bracketed = /^\[([0-9A-Fa-f:.]+)\](?::\d+)?$/.exec(entry)?.[1];
  return bracketed ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry)?.[1] ?? entry;
}

/** A socket that listens on IPv6 shows IPv4 peers as `::ffff:1.2.3.4`; they are the same peers. */
function withoutMapping(address: string): string {
  if (!address.startsWith("::")) return address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
