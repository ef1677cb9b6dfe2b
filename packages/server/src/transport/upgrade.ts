import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/**
 * What is wrong with an upgrade request, found out before anything is upgraded. `ws` checks some of this as well, but
 * takes HTTP/1.0, version 8, a body and repeated headers; behind a proxy that reads such a request otherwise, what
 * one end takes for frames is a request to the other.
 */

/** An answer that refuses an upgrade. */
export interface Refusal {
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  /** What was expected, and what to do. */
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a route demands of an upgrade. */
export interface UpgradeDemands {
  /** Subprotocols of which one must be offered; null: none need be. */
  readonly protocols: readonly string[] | null;
  /** True for an `Origin` that may come in; null for a request without one. */
  allowsOrigin(origin: string | null): boolean;
  /** True while the node is leaving. */
  isDraining(): boolean;
}

const KEY = /^[+/0-9A-Za-z]{22}==$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.~-]+)?\]|[\w.~%-]+)(?::\d{1,5})?$/;
/** Most characters of a subprotocol header: a token for each version of a codec, and room. */
const PROTOCOLS_MAX = 1_024;
/** Headers that decide how the request is read, and so may stand in it once only. No two are of one length. */
const SINGLE_HEADERS: readonly string[] = ["host", "origin", "upgrade", "sec-websocket-key", "sec-websocket-version"];

/** Why the request is refused, or null when it may be upgraded. The order is: form, origin, protocol, room. */
export function refuseUpgrade(request: IncomingMessage, demands: UpgradeDemands): Refusal | null {
  const refusal = refuseForm(request);
  if (refusal !== null) return refusal;
  if (!demands.allowsOrigin(originOf(request))) {
    return {
      status: 403,
      code: "origin_refused",
      message: "The page's origin is not on the server's list of allowed origins; add it there exactly as it is.",
    };
  }
  return refuseProtocols(request, demands.protocols) ?? (demands.isDraining() ? DRAINING : null);
}

/** The answer of a node that is leaving. */
const DRAINING: Refusal = {
  status: 503,
  code: "draining",
  message: "The node is leaving; connect again, to another one.",
  headers: { "Retry-After": "1" },
};

/** The answer of a node that has no room for the connection. */
export const NO_ROOM: Refusal = {
  status: 503,
  code: "overloaded",
  message: "The node has as many connections, or as many from this address, as it may; try again later.",
  headers: { "Retry-After": "5" },
};

/** The answer on a path that nobody serves. */
export const NOT_FOUND: Refusal = {
  status: 404,
  code: "unknown_path",
  message: "No WebSocket is served on this path.",
};

/** The `Origin` of a request, null without one. */
export function originOf(request: IncomingMessage): string | null {
  return request.headers.origin ?? null;
}

function badRequest(message: string): Refusal {
  return { status: 400, code: "bad_request", message };
}

function refuseForm(request: IncomingMessage): Refusal | null {
  const { headers, method, httpVersion } = request;
  if (method !== "GET") {
    return {
      status: 405,
      code: "bad_request",
      message: "Expected the method GET for an upgrade.",
      headers: { Allow: "GET" },
    };
  }
  if (httpVersion !== "1.1") return badRequest("Expected HTTP/1.1 for an upgrade.");
  const repeated = repeatedHeader(request.rawHeaders);
  if (repeated !== null) return badRequest(`Expected the header ${repeated} once.`);
  if (headers.upgrade?.toLowerCase() !== "websocket") return badRequest("Expected the header Upgrade: websocket.");
  if (!isUpgradeWanted(headers.connection ?? "")) {
    return badRequest("Expected the header Connection: Upgrade.");
  }
  if (headers["sec-websocket-version"] !== "13") {
    return {
      status: 426,
      code: "bad_request",
      message: "Expected the header Sec-WebSocket-Version: 13.",
      headers: { "Sec-WebSocket-Version": "13" },
    };
  }
  if (!KEY.test(headers["sec-websocket-key"] ?? "")) {
    return badRequest("Expected a Sec-WebSocket-Key of 16 bytes in base64.");
  }
  if (!HOST.test(headers.host ?? "")) return badRequest("Expected a Host header with a host and perhaps a port.");
  const hasBody = headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
  return hasBody ? badRequest("Expected no body in an upgrade.") : null;
}

function refuseProtocols(request: IncomingMessage, protocols: readonly string[] | null): Refusal | null {
  const offer = request.headers["sec-websocket-protocol"];
  const wanted = `Expected the header Sec-WebSocket-Protocol to offer ${protocols?.join(" or ") ?? "tokens, each once"}.`;
  if (offer === undefined) return protocols === null ? null : badRequest(wanted);
  const offered = offer.length > PROTOCOLS_MAX ? [] : tokens(offer);
  const isWellFormed = offered.every((name, index) => TOKEN.test(name) && offered.indexOf(name) === index);
  if (offered.length === 0 || !isWellFormed) return badRequest(wanted);
  return protocols === null || protocols.some((name) => offered.includes(name)) ? null : badRequest(wanted);
}

/** Nearly all say nothing else in it. */
function isUpgradeWanted(connection: string): boolean {
  if (connection === "Upgrade") return true;
  return tokens(connection).some((token) => token.toLowerCase() === "upgrade");
}

function tokens(list: string): string[] {
  if (!list.includes(",")) return [list.trim()];
  return list.split(",").map((token) => token.trim());
}

/** Most names are told apart by their length: a request has a dozen headers, and each upgrade is looked at. */
function repeatedHeader(rawHeaders: readonly string[]): string | null {
  let seen = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const bit = SINGLE_BITS[name.length] ?? 0;
    if (bit === 0) continue;
    const lowered = name.toLowerCase();
    if (lowered !== SINGLE_HEADERS[31 - Math.clz32(bit)]) continue;
    if ((seen & bit) !== 0) return lowered;
    seen |= bit;
  }
  return null;
}

/** By length of a name: the bit of the header with that length; 0 for none. */
const SINGLE_BITS: readonly number[] = Array.from({ length: 32 }, (_, length) => {
  const index = SINGLE_HEADERS.findIndex((name) => name.length === length);
  return index === -1 ? 0 : 1 << index;
});

/** For how long a refused peer may keep the socket after its answer was written. */
const LINGER_MS = 1_000;
const PHRASES: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [426, "Upgrade Required"],
  [503, "Service Unavailable"],
]);

/**
 * Answers with the refusal and closes. What the peer still sends is read and dropped for a moment: closing a socket
 * with unread bytes resets it, and a reset may overtake the answer.
 */
export function answerRefusal(socket: Socket, { status, code, message, headers = {} }: Refusal): void {
  const body = JSON.stringify({ error: { code, message } });
  const lines = Object.entries({
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
    "Cache-Control": "no-store",
    Connection: "close",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on("error", () => socket.destroy());
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on("close", () => clearTimeout(cut));
  // Once both ends have said their last byte nothing is left to overtake.
  socket.on("end", () => socket.destroySoon());
  socket.end(`HTTP/1.1 ${status} ${PHRASES.get(status) ?? "Refused"}\r\n${lines.join("")}\r\n${body}`);
  socket.resume();
}
