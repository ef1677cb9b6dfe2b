import { once } from "node:events";
import { createServer, type Server } from "node:http";

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
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Expected a port.");
  return address.port;
}

/** Closes an HTTP server, keep-alive connections included. */
export async function closeHttp(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
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
