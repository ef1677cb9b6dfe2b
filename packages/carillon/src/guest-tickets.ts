import { CarillonError, validate } from "@carillon/protocol";
import { KeyedRateLimit, remoteAddressOf } from "@carillon/server";
import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";
import { HttpProblem, type Answer } from "./answer.ts";
import { namedSchema, type Guest } from "./chat-contract.ts";
import type { GuestIdentity } from "./guest-identity.ts";
import { readJson } from "./request-body.ts";
import type { Route } from "./router.ts";

/**
 * Tickets for one address: a hundred at once, since a whole office may come from one address when a server restarts,
 * then five a second. Nobody needs many: who comes back after a cut does so without a ticket.
 */
const TICKETS_PER_ADDRESS = { perSecond: 5, burst: 100, keysMax: 10_000 };

/** What guest tickets need of their server. */
export interface GuestTicketsOptions {
  /** What knows guests now: servers that share a store may have to take another's key. */
  readonly identity: () => GuestIdentity;
  /** Origins of pages that may ask. */
  readonly origins: ReadonlySet<string>;
  /** Proxies of ours in front; the address is the one that the outermost of them saw. Default 0. */
  readonly trustProxy?: number;
  /** Makes the ticket, good only for the origin if there is one. */
  issue(guest: Guest, origin: string | null): Promise<string>;
  /** Monotonic clock. Default: the process's. */
  readonly monotonicMs?: () => number;
}

/**
 * `POST /ticket` with `{"name": …}`: a ticket, as plain text, for somebody without an account. The same browser gets
 * the same id each time. Throws a {@link HttpProblem} for another page's request (403), a name that is none (400), too
 * many requests of one address (429), and while the store can't be reached (503).
 */
export function guestTickets(options: GuestTicketsOptions): Route {
  const { identity, origins, trustProxy = 0, monotonicMs = () => performance.now() } = options;
  const limit = new KeyedRateLimit({ monotonicMs }, TICKETS_PER_ADDRESS);
  return {
    POST: async (request): Promise<Answer> => {
      const origin = checkOrigin(request, origins);
      // Before the body is read: refusing must be cheap.
      checkRate(limit.take(networkOf(remoteAddressOf(request, trustProxy))));
      const named = await validate(namedSchema, await readJson(request));
      // The page shows this to whoever typed the name: where in the body it stood is nothing to them.
      if (!named.ok) throw new HttpProblem(400, "bad_name", named.problem.replace(/^at name: /, ""));
      const guests = identity();
      const id = guests.of(request.headers.cookie);
      const ticket = await issued(options.issue({ id, name: named.value.name }, origin));
      // The peer itself could write this header; then it spoils a cookie that is its own.
      const isSecure = trustProxy > 0 && request.headers["x-forwarded-proto"] === "https";
      const headers = { "Content-Type": "text/plain; charset=utf-8", "Set-Cookie": guests.cookie(id, isSecure) };
      return { status: 200, headers, body: ticket };
    },
  };
}

/** What passes by itself, such as a store that can't be reached, is no failure of the server: ask again. */
async function issued(ticket: Promise<string>): Promise<string> {
  try {
    return await ticket;
  } catch (error) {
    if (!(error instanceof CarillonError) || !error.retry) throw error;
    const headers = { "Retry-After": "1" };
    throw new HttpProblem(503, "unavailable", "The store can't be reached; try again.", { headers, cause: error });
  }
}

/**
 * The page that asks, null for what is no browser. The list decides, never the `Host` header: under a name that was
 * rebound to this address, a foreign page is "same-origin" to its browser.
 */
function checkOrigin({ headers }: IncomingMessage, origins: ReadonlySet<string>): string | null {
  const origin = headers.origin ?? null;
  if (origin !== null && !origins.has(origin)) {
    const message = `The page's origin ${JSON.stringify(origin.slice(0, 200))} is not allowed; add it to CARILLON_ORIGINS.`;
    throw new HttpProblem(403, "origin_refused", message);
  }
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin") {
    throw new HttpProblem(403, "origin_refused", "Expected a request of the server's own page.");
  }
  return origin;
}

function checkRate(waitMs: number): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1_000);
  throw new HttpProblem(429, "limit_exceeded", `Too many tickets for one address; ask again in ${seconds} s.`, {
    headers: { "Retry-After": String(seconds) },
  });
}

/** Who shares a limit: an IPv4 address, or the 64 bits of an IPv6 address below which one household has all. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [left = "", right] = address.replace(/%.*$/, "").split("::", 2);
  const groups = groupsOf(left);
  const after = right === undefined ? [] : groupsOf(right);
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => "0");
  return [...groups, ...zeros, ...after].slice(0, 4).join(":");
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
