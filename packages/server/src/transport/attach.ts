import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { Connection, ConnectionEvents } from "../session/connection.ts";
import { remoteAddressOf } from "./remote-address.ts";
import {
  NOT_FOUND,
  NO_ROOM,
  answerRefusal,
  CheckedHead,
  checkUpgrade,
  type Refusal,
  type UpgradeDemands,
} from "./upgrade.ts";
import type { WebSocketLimits } from "./websocket-connection.ts";
import { WebSocketAcceptor } from "./websocket.ts";

/** What the request of an upgrade said beside what the {@link Connection} knows. */
export interface UpgradeInfo {
  readonly path: string;
  /** What follows the `?`, empty without one. Written by the peer: check what you take from it. */
  readonly query: string;
}

/** Serves WebSockets on one path. */
export interface UpgradeRoute extends UpgradeDemands {
  readonly limits: WebSocketLimits;
  /** Takes room for one more connection from the address; false when there is none. */
  reserve(remoteAddress: string): boolean;
  /** Gives back what `reserve` took. Called once for each time that it returned true. */
  release(remoteAddress: string): void;
  /** Whether units are compressed for peers that offer it. Default false. */
  readonly isDeflating?: boolean;
  /** Close code for connections that stand when the server leaves. Default 1001 (RFC 6455, section 7.4.1). */
  readonly leavingCode?: number;
  /** Takes a connection. Called before any of its events. */
  accept(connection: Connection, info: UpgradeInfo): ConnectionEvents;
}

/** What {@link attachUpgrades} has set up. */
export interface Attachment {
  /** What closes each connection that has no way of being told to go elsewhere. */
  untold(reason: string): (() => void)[];
  /** Takes no further upgrades. Connections that stand are not touched. */
  detach(): void;
  /** Closes the connections that still stand, whatever was said on them so far. */
  end(reason: string): void;
}

/** Settings of {@link attachUpgrades}. */
export interface AttachOptions {
  /** By exact path, without query: `/realtime`. */
  readonly routes: ReadonlyMap<string, UpgradeRoute>;
  /** Proxies of ours in front of the server; see {@link remoteAddressOf}. Default 0. */
  readonly trustProxyHops?: number;
  readonly ports: Pick<Ports, "id" | "monotonicMs">;
  readonly logger: Logger;
}

/** Marks our own listeners, so that two servers on one HTTP server agree on who answers an unknown path. */
const ROUTES: unique symbol = Symbol.for("carillon.upgrade.routes");

interface UpgradeListener {
  (request: IncomingMessage, socket: Duplex, head: Buffer): void;
  readonly [ROUTES]: ReadonlyMap<string, unknown>;
}

/**
 * Serves the upgrades of an HTTP server that is not ours alone. Upgrades on other paths are left to the other
 * listeners, untouched; when there are none but ours they are refused with 404, since nobody else would ever answer and
 * the socket would hang.
 */
export function attachUpgrades(server: HttpServer | HttpsServer, options: AttachOptions): Attachment {
  const { routes, ports, logger } = options;
  const acceptors = new Map<string, WebSocketAcceptor>();
  const standing = new Map<Connection, UpgradeRoute>();
  for (const [path, route] of routes) {
    const closed = (connection: Connection): void => {
      standing.delete(connection);
      route.release(connection.remoteAddress);
    };
    const { limits, isDeflating = false } = route;
    acceptors.set(path, new WebSocketAcceptor({ limits, isDeflating, ports, logger, closed }));
  }
  const refuse = (socket: Socket, path: string, refusal: Refusal): void => {
    logger.debug("Refused an upgrade.", { status: refusal.status, code: refusal.code, path: path.slice(0, 200) });
    answerRefusal(socket, refusal);
  };
  const upgraded = (request: IncomingMessage, duplex: Duplex, head: Buffer): void => {
    const { path, query } = targetOf(request.url ?? "");
    const route = routes.get(path);
    const acceptor = acceptors.get(path);
    const isUnclaimed = route === undefined && isLastResort(server, listener, path);
    if (route === undefined && !isUnclaimed) return;
    // What is not a socket of the operating system tells no progress and can't be bounded.
    if (!(duplex instanceof Socket)) return void duplex.destroy();
    if (route === undefined || acceptor === undefined) return refuse(duplex, path, NOT_FOUND);
    const asked = checkUpgrade(request, route);
    if (!(asked instanceof CheckedHead)) return refuse(duplex, path, asked);
    const remoteAddress = remoteAddressOf(request, options.trustProxyHops ?? 0);
    if (!route.reserve(remoteAddress)) return refuse(duplex, path, NO_ROOM);
    const isUpgraded = acceptor.upgrade({ asked, socket: duplex, head, remoteAddress }, (connection) => {
      standing.set(connection, route);
      return route.accept(connection, { path, query });
    });
    if (!isUpgraded) route.release(remoteAddress);
  };
  const listener: UpgradeListener = Object.assign(upgraded, { [ROUTES]: routes });
  server.on("upgrade", listener);
  return {
    detach: () => void server.off("upgrade", listener),
    untold: (reason) =>
      [...standing]
        .filter(([, { leavingCode }]) => leavingCode === undefined)
        .map(
          ([connection]) =>
            () =>
              connection.close(GOING_AWAY, reason),
        ),
    end: (reason) => {
      for (const [connection, { leavingCode = GOING_AWAY }] of standing) connection.close(leavingCode, reason);
    },
  };
}

const GOING_AWAY = 1001;

/** Path and query of a request target. An absolute one, or an odd one, has a path that no route has. */
function targetOf(url: string): UpgradeInfo {
  const mark = url.indexOf("?");
  return mark === -1 ? { path: url, query: "" } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

/** True if no listener but ours is there, no other of ours has the path, and this one is the first to see it. */
function isLastResort(server: HttpServer | HttpsServer, own: UpgradeListener, path: string): boolean {
  const listeners: readonly unknown[] = server.listeners("upgrade");
  if (listeners[0] !== own) return false;
  return listeners.every((listener) => isUpgradeListener(listener) && !listener[ROUTES].has(path));
}

function isUpgradeListener(listener: unknown): listener is UpgradeListener {
  return typeof listener === "function" && ROUTES in listener;
}
