import type { Contract } from "@carillon/protocol";
import { ClientHandle } from "./client.ts";
import { Instance } from "./core/instance.ts";
import type { ClientPorts } from "./core/ports.ts";
import type { Client } from "./face.ts";
import { runtimePorts, type RuntimeOptions } from "./runtime.ts";

/** Settings of a client. */
export interface ConnectOptions extends RuntimeOptions {
  /** Version of the contract that the application was built with. Default: not said. */
  readonly contract?: number;
  /** Bounds of the publish queue. */
  readonly publishQueue?: {
    /** Most publications that wait for their confirmation. Default 1,000. */
    readonly publicationsMax?: number;
    /** Most bytes of them. Default 4 MiB. */
    readonly bytesMax?: number;
  };
  /** What stands in for the world: a virtual clock, a network in memory. Default: the runtime's own. */
  readonly ports?: Partial<ClientPorts>;
}

/** Name and version of the SDK as servers log them; a test keeps the version equal to that of the package. */
export const SDK = "carillon-js/0.1.0";

/**
 * Makes a client of contract `C` and starts to connect. It comes back by itself after everything but a `disconnect`, a
 * close code that says stop, three refused tickets in a row, and a ticket supplier that throws a `CarillonError`
 * with `retry: false`. Throws when the URL is malformed or the runtime has no WebSocket.
 *
 * @example
 * const client = connect<typeof contract>({ url: "/realtime", ticket: () => fetch("/ticket").then((r) => r.text()) });
 * client.channel("chat:lobby").on("publication", ({ data }) => console.log(data.text));
 */
export function connect<C extends Contract = Contract>(options: ConnectOptions): Client<C>;
export function connect(options: ConnectOptions): unknown {
  const { contract, publishQueue, ports, ...runtime } = options;
  const instance = new Instance(runtimePorts(runtime, ports), {
    contract,
    sdk: SDK,
    publicationsMax: 1000,
    bytesMax: 4 * 1024 * 1024,
    ...publishQueue,
  });
  const client = new ClientHandle(instance);
  client.connect();
  return client;
}
