import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer, type Server, type ServerOptions } from "ws";
import type { ConnectionEvents } from "../session/connection.ts";
import { answerToOffers } from "./deflate.ts";
import { ServedWebSocket } from "./served-web-socket.ts";
import type { CheckedHead } from "./upgrade.ts";
import { WebSocketConnection, type WebSocketSurroundings } from "./websocket-connection.ts";

/** Settings of a {@link WebSocketAcceptor}. */
export interface WebSocketSettings extends WebSocketSurroundings {
  /** Whether units are compressed for peers that offer it. */
  readonly isDeflating: boolean;
}

/** An upgrade request that has passed the checks. */
export interface CheckedUpgrade {
  readonly asked: CheckedHead;
  readonly socket: Socket;
  /** What was read after the request's head. */
  readonly head: Buffer;
  readonly remoteAddress: string;
}

/** A connection that does not answer a close frame, or whose peer takes no bytes, is cut after this time. */
const CLOSE_TIMEOUT_MS = 2_000;

/** `closeTimeout` is an option of ws 8.23 that its types do not have yet. */
interface Options extends ServerOptions<typeof ServedWebSocket> {
  readonly closeTimeout: number;
  readonly maxPendingAutoPongs: number;
}

/**
 * Turns checked upgrades into connections. The compression of `ws` is off: it compresses for each connection, with some
 * hundred kilobytes of memory each. What there is of it is ours, see deflate.ts, and `ws` does not know of it.
 */
export class WebSocketAcceptor {
  readonly #server: Server<typeof ServedWebSocket>;
  readonly #settings: WebSocketSettings;
  /** The server for connections that agreed to compression. */
  readonly #deflating: Server<typeof ServedWebSocket>;
  /** What the handshake under way says about the subprotocol and about extensions. */
  #protocol: string | null = null;
  #extensions: string | null = null;

  constructor(settings: WebSocketSettings) {
    const { limits } = settings;
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
      WebSocket: ServedWebSocket,
    };
    this.#server = new WebSocketServer(options);
    // What is compressed is not UTF-8 yet when the parser sees it.
    this.#deflating = new WebSocketServer({ ...options, skipUTF8Validation: true });
    const answer = (headers: string[]): void => {
      if (this.#protocol !== null) headers.push(`Sec-WebSocket-Protocol: ${this.#protocol}`);
      if (this.#extensions !== null) headers.push(`Sec-WebSocket-Extensions: ${this.#extensions}`);
    };
    for (const server of [this.#server, this.#deflating]) server.on("headers", answer);
    this.#settings = settings;
  }

  /**
   * Completes the handshake and hands the connection over; false when the peer had gone before, and nothing was handed
   * over.
   */
  upgrade(upgrade: CheckedUpgrade, accept: (connection: WebSocketConnection) => ConnectionEvents): boolean {
    const { asked, socket, head, remoteAddress } = upgrade;
    const { origin } = asked;
    let isUpgraded = false;
    this.#protocol = asked.protocol;
    this.#extensions = this.#settings.isDeflating ? answerToOffers(asked.extensions) : null;
    const isDeflating = this.#extensions !== null;
    const server = isDeflating ? this.#deflating : this.#server;
    server.handleUpgrade(requestFor(asked), socket, head, (ws) => {
      isUpgraded = true;
      ws.tooLargeCode = this.#settings.limits.tooLargeCode;
      const surroundings = this.#settings;
      const connection = new WebSocketConnection({ ws, socket, remoteAddress, origin, surroundings, isDeflating });
      try {
        connection.serve(accept(connection));
      } catch (error) {
        this.#settings.logger.error("Accepting a connection failed.", {
          reason: error instanceof Error ? error.stack : String(error),
        });
        connection.terminate();
      }
    });
    return isUpgraded;
  }
}

/**
 * The request as far as `ws` looks at it. The subprotocol is left out: it was chosen already, and is answered with the
 * extensions.
 */
function requestFor({ key }: CheckedHead): IncomingMessage {
  const request = {
    method: "GET",
    headers: { upgrade: "websocket", "sec-websocket-key": key, "sec-websocket-version": "13" },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Of a request, `handleUpgrade` reads these.
  return request as unknown as IncomingMessage;
}
