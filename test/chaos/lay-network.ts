import { freePort } from "../support/free-port.ts";
import type { ServerPlace } from "../support/server-place.ts";
import type { BrokerNetwork } from "./broker-network.ts";
import { NamespaceNetwork } from "./namespace-network.ts";
import { ProxyNetwork } from "./proxy-network.ts";

/** What a network is laid for. */
export interface NetworkNeeds {
  /** Lines, one for each node. */
  readonly lines: number;
  /** The broker's port where every port is free. */
  readonly port: number;
  /** What the broker prints goes there. */
  readonly log: string;
  /** True: proxies, although a namespace could be had. */
  readonly isProxied: boolean;
}

/** A network, and the place in it where the broker has to run: a namespace where one can be had, proxies elsewhere. */
export async function layNetwork(
  needs: NetworkNeeds,
): Promise<{ readonly network: BrokerNetwork; readonly place: ServerPlace }> {
  const { lines, port, log, isProxied } = needs;
  let reason = "they were asked for";
  if (!isProxied) {
    try {
      const network = await NamespaceNetwork.create(lines);
      return { network, place: network.place(port, log) };
    } catch (error) {
      reason = `no network namespace: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  const place = { host: "127.0.0.1", bind: "127.0.0.1", port: await freePort(), command: [], log };
  return { network: await ProxyNetwork.create(lines, place, reason), place };
}
