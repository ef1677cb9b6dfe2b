/**
 * One node, as an application would run it, in a process of its own that is made to be killed: `node-process <config>`.
 * Serves `/realtime`, and tickets on `/ticket?user=…`.
 */
import { consoleLogger } from "@carillon/server";
import { createFaulty } from "@carillon/server/testing";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { contract } from "./contract.ts";
import { openNodeBackplane } from "./node-backplane.ts";
import { UNREACHABLE_EXIT, type NodeConfig, type NodeReady } from "./node-config.ts";
import { serverFaults, withStoreFaults } from "./planted-faults.ts";

const config = JSON.parse(process.argv[2] ?? "{}") as NodeConfig;
const carillon = createFaulty(
  {
    contract,
    user: v.object({ id: v.string() }),
    backplane: withStoreFaults(openNodeBackplane(config.backplane), config.faults),
    authorize: {
      "feed:{name}": () => ({ subscribe: true, publish: true, history: true }),
      "brief:{name}": () => ({ subscribe: true, publish: true, history: true }),
      "board:{name}": () => ({ subscribe: true, set: "any" }),
    },
    // A stall is noticed within 3 s instead of 15, and catching up takes several pages.
    limits: { heartbeatMs: 2_000, pageItems: 50, outboxBytes: 32_768 },
    logger: consoleLogger(),
  },
  serverFaults(config.faults),
);
const http = createServer((request, response) => {
  const user = new URL(request.url ?? "/", "http://localhost").searchParams.get("user") ?? "guest";
  carillon.tickets.issue({ user: { id: user } }).then(
    (ticket) => response.end(ticket),
    () => response.writeHead(503).end(),
  );
});
carillon.attach(http);
try {
  await carillon.ready();
} catch (error) {
  // As any service does whose database is not there yet: it ends, and whoever looks after it starts it again.
  const isUnreachable = error instanceof Error && "code" in error && error.code === "unreachable";
  console.error(isUnreachable ? `unreachable: ${error.message}` : error);
  process.exit(isUnreachable ? UNREACHABLE_EXIT : 1);
}
http.listen(0, "127.0.0.1", () => {
  const ready: NodeReady = { port: (http.address() as AddressInfo).port };
  process.send?.(ready);
});
// Whoever started it is gone.
process.on("disconnect", () => process.exit(0));
