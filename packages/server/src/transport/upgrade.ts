import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { UpgradeHead } from "./upgrade-head.ts";

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

/** What a request that may be upgraded asks for. */
export class CheckedHead {
  /** The `Origin` header, null without one. */
  readonly origin: string | null;
  /** The `Sec-WebSocket-Key`, well-formed. */
  readonly key: string;
  /** The subprotocol that the answer names, null for none. */
  readonly protocol: string | null;
  /** The `Sec-WebSocket-Extensions` header as it came. */
  readonly extensions: string | undefined;

  constructor(head: UpgradeHead, protocol: string | null) {
    this.origin = head.origin ?? null;
    this.key = head.key ?? "";
    this.protocol = protocol;
    this.extensions = head.extensions;
  }
}

/** Why the request is refused, or what it asks for when it may be upgraded. The order is: form, origin, protocol, room. */
export function checkUpgrade(request: IncomingMessage, demands: UpgradeDemands): Refusal | CheckedHead {
  const head = new UpgradeHead(request.rawHeaders);
  const refusal = refuseForm(request, head);
  if (refusal !== null) return refusal;
  if (!demands.allowsOrigin(head.origin ?? null)) return FOREIGN_ORIGIN;
  const protocol = chooseProtocol(head.protocols, demands.protocols);
  if (typeof protocol === "object" && protocol !== null) return protocol;
  return demands.isDraining() ? DRAINING : new CheckedHead(head, protocol);
}

const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  code: "origin_refused",
  message: "The page's origin is not on the server's list of allowed origins; add it there exactly as it is.",
};

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

function badRequest(message: string): Refusal {
  return { status: 400, code: "bad_request", message };
}

function refuseForm({ method, httpVersion }: IncomingMessage, head: UpgradeHead): Refusal | null {
  if (method !== "GET") return WRONG_METHOD;
  if (httpVersion !== "1.1") return badRequest("Expected HTTP/1.1 for an upgrade.");
  if (head.repeated !== null) return badRequest(`Expected the header ${head.repeated} once.`);
  if (!isWebSocket(head.upgrade)) return badRequest("Expected the header Upgrade: websocket.");
  if (!isUpgradeWanted(head.connection ?? "")) return badRequest("Expected the header Connection: Upgrade.");
  if (head.version !== "13") return WRONG_VERSION;
  if (!KEY.test(head.key ?? "")) return badRequest("Expected a Sec-WebSocket-Key of 16 bytes in base64.");
  if (!HOST.test(head.host ?? "")) return badRequest("Expected a Host header with a host and perhaps a port.");
  return head.hasBody ? badRequest("Expected no body in an upgrade.") : null;
}

const WRONG_METHOD: Refusal = {
  status: 405,
  code: "bad_request",
  message: "Expected the method GET for an upgrade.",
  headers: { Allow: "GET" },
};

const WRONG_VERSION: Refusal = {
  status: 426,
  code: "bad_request",
  message: "Expected the header Sec-WebSocket-Version: 13.",
  headers: { "Sec-WebSocket-Version": "13" },
};

/** The first of our subprotocols that is offered; with no list of ours, the first of the peer's, null for none. */
function chooseProtocol(offer: string | undefined, served: readonly string[] | null): Refusal | string | null {
  // What nearly all say who say the right thing.
  if (offer !== undefined && served?.[0] === offer) return offer;
  const wanted = `Expected the header Sec-WebSocket-Protocol to offer ${served?.join(" or ") ?? "tokens, each once"}.`;
  if (offer === undefined) return served === null ? null : badRequest(wanted);
  const offered = offer.length > PROTOCOLS_MAX ? [] : tokens(offer);
  const isWellFormed = offered.every((name, index) => TOKEN.test(name) && offered.indexOf(name) === index);
  if (!isWellFormed) return badRequest(wanted);
  return (served ?? offered).find((name) => offered.includes(name)) ?? badRequest(wanted);
}

/** Nearly all write it so. */
function isWebSocket(upgrade: string | undefined): boolean {
  return upgrade === "websocket" || upgrade?.toLowerCase() === "websocket";
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
