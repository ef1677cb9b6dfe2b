import type { Logger } from "@carillon/server";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { HttpProblem, problemAnswer, send, type Answer, type Handler } from "./answer.ts";

/** Headers must be here within this time of the connection or of the request before, in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
/** A whole request must be here within this time, in milliseconds. */
const REQUEST_TIMEOUT_MS = 15_000;
/** A connection between two requests is kept for this long, in milliseconds. */
const KEEP_ALIVE_MS = 5_000;
/** A connection on which nothing moves, such as a reader that does not read, is cut after this long, in milliseconds. */
const IDLE_TIMEOUT_MS = 30_000;
/** How often Node looks for requests that are late, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

/** Settings of an {@link HttpListener}. */
export interface HttpListenerOptions {
  readonly handler: Handler;
  readonly logger: Logger;
}

/** Node's HTTP server with its clocks set, one answer for each request, and an end that comes. */
export class HttpListener {
  /** To attach WebSockets to. */
  readonly server: Server;
  readonly #sockets = new Set<Socket>();

  constructor({ handler, logger }: HttpListenerOptions) {
    const settings = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    };
    this.server = createServer(settings, (request, response) => {
      // A peer that goes while it is answered is nothing to report.
      response.on("error", () => {});
      void answerOf(request, handler, logger).then((answer) => send(request, response, answer));
    });
    this.server.timeout = IDLE_TIMEOUT_MS;
    // Whoever asks for a tunnel is told that there is none; without a listener the socket would just be cut.
    this.server.on("connect", (_request, socket) => {
      socket.on("error", () => socket.destroy());
      socket.end("HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    });
    this.server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Listens, and resolves to the port. Rejects with Node's error (`EADDRINUSE` and the like). */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen({ host, port }, () => {
        this.server.off("error", reject);
        const address = this.server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  /** Stops listening, lets what is under way end within `graceMs`, and cuts what is left, WebSockets included. */
  async close(graceMs: number): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => void this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
  }
}

/** The answer to a request, whatever becomes of its handler. Never rejects. */
async function answerOf(request: IncomingMessage, handler: Handler, logger: Logger): Promise<Answer> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof HttpProblem) return problemAnswer(error);
    logger.error("Answering a request failed.", { reason: error instanceof Error ? error.stack : String(error) });
    return problemAnswer(new HttpProblem(500, "internal", "The server failed; its log says how."));
  }
}
