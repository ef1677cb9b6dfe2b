import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";

/** What is served: a `Carillon`, of any contract. */
interface Servable {
  ready(): Promise<void>;
  attach(server: Server): () => void;
  close(): Promise<void>;
}

/** A server of a test, on a free port of the loopback address. */
export interface Serving extends AsyncDisposable {
  readonly port: number;
  /** `ws://127.0.0.1:<port>` and a path. */
  url(path: string): string;
}

/** Listens on a free port of the loopback address. Resolves to the port. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  socketsOf.set(server, sockets);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Expected a port.");
  return address.port;
}

/** The sockets of a server, those that were upgraded included. */
const socketsOf = new WeakMap<Server, Set<Socket>>();

/** Closes an HTTP server and cuts every socket of it, upgraded or not. */
export async function closeHttp(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  for (const socket of socketsOf.get(server) ?? []) socket.destroy();
  await closed;
}

/** Serves until it is disposed of: then the server is closed, then the HTTP server below it. */
export async function serve(carillon: Servable, http: Server = createServer()): Promise<Serving> {
  await carillon.ready();
  carillon.attach(http);
  const port = await listen(http);
  return {
    port,
    url: (path) => `ws://127.0.0.1:${port}${path}`,
    [Symbol.asyncDispose]: async () => {
      await carillon.close();
      await closeHttp(http);
    },
  };
}
