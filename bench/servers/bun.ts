/** Bun's own publish, run by Bun: `bun.ts <port>`. */

/** The little that is used of Bun's types, which would be a dependency of everybody for one file. */
interface BunSocket {
  subscribe(topic: string): void;
  send(data: string): void;
}
interface BunServer {
  upgrade(request: Request): boolean;
  publish(topic: string, data: string): void;
}
interface BunOptions {
  readonly port: number;
  readonly hostname: string;
  fetch(request: Request, server: BunServer): Response | undefined;
  readonly websocket: {
    readonly perMessageDeflate: boolean;
    readonly idleTimeout: number;
    readonly backpressureLimit: number;
    message(socket: BunSocket, data: string): void;
  };
}
declare const Bun: { serve(options: BunOptions): BunServer; gc(isNow: boolean): void };

const CHANNEL_START = 1;
const CHANNEL_END = 6;

const server = Bun.serve({
  port: Number(process.argv[2]),
  hostname: "127.0.0.1",
  fetch(request, itself) {
    if (itself.upgrade(request)) return undefined;
    if (new URL(request.url).pathname === "/collect") Bun.gc(true);
    return new Response("ok");
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 960,
    backpressureLimit: 16 * 1_024 * 1_024,
    message(socket, data) {
      if (data.startsWith("+")) {
        socket.subscribe(data.slice(1).padStart(CHANNEL_END - CHANNEL_START, "0"));
        socket.send("+ok");
      } else if (data.startsWith("?")) socket.send(data.slice(1));
      else server.publish(data.slice(CHANNEL_START, CHANNEL_END), data);
    },
  },
});
