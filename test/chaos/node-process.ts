/**
 * One node, as an application would run it, in a process of its own that is made to be killed: `node-process <config>`.
 * Serves `/realtime`, and tickets on `/ticket?user=…`.
 */
import { consoleLogger } from "@carillon/server";
import { createFaulty, type Fault } from "@carillon/server/testing";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { contract } from "./contract.ts";
import { openNodeBackplane, type NodeBackplane } from "./node-backplane.ts";
import { isStoreFault, withStoreFaults, type PlantedFault } from "./planted-faults.ts";

/** What a node is started with. */
export interface NodeConfig {
  /** 0: any that is free. */
  readonly port: number;
  readonly backplane: NodeBackplane;
  /** Empty for a sound one. */
  readonly faults: readonly PlantedFault[];
}

/** What it says when it serves. */
export interface NodeReady {
  readonly port: number;
}

const config = JSON.parse(process.argv[2] ?? "{}") as NodeConfig;
const serverFaults = config.faults.filter((fault): fault is Fault => !isStoreFault(fault));
const carillon = createFaulty(
  {
    contract,
    user: v.object({ id: v.string() }),
    backplane: withStoreFaults(openNodeBackplane(config.backplane), config.faults.filter(isStoreFault)),
    authorize: {
      "feed:{name}": () => ({ subscribe: true, publish: true, history: true }),
      "brief:{name}": () => ({ subscribe: true, publish: true, history: true }),
      "board:{name}": () => ({ subscribe: true, set: "any" }),
    },
    // A stall is noticed within 3 s instead of 15, and catching up takes several pages.
    limits: { heartbeatMs: 2_000, pageItems: 50, outboxBytes: 32_768 },
    logger: consoleLogger(),
  },
  serverFaults,
);
const http = createServer((request, response) => {
  const user = new URL(request.url ?? "/", "http://localhost").searchParams.get("user") ?? "guest";
  carillon.tickets.issue({ user: { id: user } }).then(
    (ticket) => response.end(ticket),
    () => response.writeHead(503).end(),
  );
});
carillon.attach(http);
await carillon.ready();
http.listen(config.port, "127.0.0.1", () => {
  const ready: NodeReady = { port: (http.address() as AddressInfo).port };
  process.send?.(ready);
});
// Whoever started it is gone.
process.on("disconnect", () => process.exit(0));
