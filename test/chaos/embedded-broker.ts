import type { Broker } from "./broker.ts";
import type { NodeBackplane } from "./node-backplane.ts";

/** A broker within the node: whatever befalls the node befalls it. */
export function embeddedBroker(backplane: NodeBackplane, description: string): Promise<Broker> {
  return Promise.resolve({
    nodesMax: 1,
    description,
    servers: [],
    network: null,
    disconnects: {},
    backplane: () => backplane,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
