/** One server of a benchmark, in a process of its own: `server-process.ts <kind>`. Reports its usage over IPC. */
import type { Metrics } from "@carillon/server";
import { createServer, type Server } from "node:http";
import type { ServerKind, ServerReport } from "../messages.ts";
import { serveCarillon, serveRaw } from "./carillon.ts";
import { serveWsLoop } from "./ws-loop.ts";

const SERVERS: Readonly<Record<ServerKind, (http: Server) => Metrics | void>> = {
  ws: (http) => serveWsLoop(http),
  lossy: (http) => serveWsLoop(http, 1_000),
  "carillon.1": serveCarillon,
  raw: serveRaw,
};

const http = createServer();
const kind = process.argv[2];
if (kind !== "ws" && kind !== "lossy" && kind !== "carillon.1" && kind !== "raw") {
  throw new Error(`Expected a kind of server, got ${String(kind)}.`);
}
const metrics = SERVERS[kind](http);

function report(): ServerReport {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { port, cpuUs: userCPUTime + systemCPUTime, lags: metrics?.lags ?? 0 };
}

process.on("message", () => process.send?.(report()));
process.on("disconnect", () => process.exit(0));
// As deep as the system allows, since a swarm connects at once.
http.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => process.send?.(report()));
