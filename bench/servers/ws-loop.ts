import { WebSocket, WebSocketServer } from "ws";
import type { Server } from "node:http";

/**
 * The peer to compare with, as everybody writes it: `ws`, and a loop that sends each message to each subscriber. With
 * `skipEvery`, one delivery in so many is left out.
 */
export function serveWsLoop(http: Server, skipEvery: number = Infinity): void {
  const subscribers = new Set<WebSocket>();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  let sends = 0;
  server.on("connection", (ws, request) => {
    if (request.url === "/publish") {
      ws.on("message", (data, isBinary) => {
        for (const subscriber of subscribers) {
          sends += 1;
          if (sends % skipEvery === 0) continue;
          if (subscriber.readyState === WebSocket.OPEN) subscriber.send(data, { binary: isBinary });
        }
      });
      return;
    }
    subscribers.add(ws);
    ws.on("close", () => subscribers.delete(ws));
  });
}
