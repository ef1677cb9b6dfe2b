import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocket, WebSocketServer, type ServerOptions } from "ws";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { Connection, ConnectionEvents } from "../session/connection.ts";
import { WebSocketConnection, type WebSocketLimits } from "./websocket-connection.ts";

/** Settings of a {@link WebSocketAcceptor}. */
export interface WebSocketSettings {
  readonly limits: WebSocketLimits;
  /** Subprotocols served, the preferred first; null: the first one that the peer offers, if it offers any. */
  readonly protocols: readonly string[] | null;
  readonly ports: Pick<Ports, "id" | "monotonicMs">;
  readonly logger: Logger;
}

/** An upgrade request that has passed the checks. */
export interface CheckedUpgrade {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** What was read after the request's head. */
  readonly head: Buffer;
  readonly remoteAddress: string;
  readonly origin: string | null;
}

/** A connection that does not answer a close frame, or whose peer takes no bytes, is cut after this time. */
const CLOSE_TIMEOUT_MS = 2_000;

/** `closeTimeout` is an option of ws 8.23 that its types do not have yet. */
interface Options extends ServerOptions {
  readonly closeTimeout: number;
  readonly maxPendingAutoPongs: number;
}

/**
 * Turns checked upgrades into connections. Compression is off: a shared frame can't be compressed per connection, and
 * a bomb can't be sent to who does not inflate.
 */
export class WebSocketAcceptor {
  readonly #server: WebSocketServer;
  readonly #settings: WebSocketSettings;

  constructor(settings: WebSocketSettings) {
    const { limits, protocols } = settings;
    const options: Options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      skipUTF8Validation: false,
      maxPayload: limits.messageBytes,
      maxFragments: limits.fragmentsPerMessage,
      // Bytes that come one by one cost a hundred times their size while their frame is not whole.
      maxBufferedChunks: Math.max(1_024, Math.ceil(limits.messageBytes / 64)),
      maxPendingAutoPongs: 60,
      closeTimeout: CLOSE_TIMEOUT_MS,
      WebSocket: socketClass(limits.tooLargeCode),
      handleProtocols: (offered) => (protocols ?? [...offered]).find((name) => offered.has(name)) ?? false,
    };
    this.#server = new WebSocketServer(options);
    this.#settings = settings;
  }

  /**
   * Completes the handshake and hands the connection over. `closed` is called once: after the connection has closed,
   * or at once when the peer had gone before.
   */
  upgrade(upgrade: CheckedUpgrade, accept: (connection: Connection) => ConnectionEvents, closed: () => void): void {
    const { request, socket, head } = upgrade;
    let isUpgraded = false;
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      isUpgraded = true;
      ws.on("close", closed);
      const { limits, ports, logger } = this.#settings;
      const { remoteAddress, origin } = upgrade;
      const connection = new WebSocketConnection({ ws, socket, remoteAddress, origin, limits, ports, logger });
      try {
        connection.serve(accept(connection));
      } catch (error) {
        // Without a listener, an error of the socket would end the process.
        ws.on("error", () => {});
        logger.error("Accepting a connection failed.", {
          reason: error instanceof Error ? error.stack : String(error),
        });
        connection.terminate();
      }
    });
    if (!isUpgraded) closed();
  }
}

/** `ws` closes with 1009 what is too large; a protocol with its own code for that says it instead. */
function socketClass(tooLargeCode: number): typeof WebSocket {
  return class extends WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      // With a reason it is the echo of the peer's own close frame.
      super.close(code === 1009 && reason === undefined ? tooLargeCode : code, reason);
    }
  };
}
