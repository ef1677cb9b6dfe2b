/**
 * One node, as an application would run it: `node-process <config>`. Serves `/realtime`, and tickets on
 * `/ticket?user=…`. At SIGTERM it takes no new connections, spreads those that it has over a window, and exits by itself.
 */
import { nats } from "@carillon/nats";
import { redis } from "@carillon/redis";
import { consoleLogger } from "@carillon/server";
import type { Backplane } from "@carillon/server/backplane";
import { createFaulty, type Fault } from "@carillon/server/testing";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { contract } from "./contract.ts";

/** Which broker, and where. */
export interface BrokerAddress {
  readonly kind: "redis" | "nats";
  readonly port: number;
}

/** What a node is started with. */
export interface NodeConfig {
  /** 0: any that is free. */
  readonly port: number;
  readonly broker: BrokerAddress;
  /** Empty for a sound one. */
  readonly faults: readonly Fault[];
}

/** What it says when it serves. */
export interface NodeReady {
  readonly port: number;
}

/** Clients of a node that leaves are spread over this time, in milliseconds. */
const DRAIN_MS = 3_000;

function backplaneAt({ kind, port }: BrokerAddress): Backplane {
  return kind === "nats" ? nats({ servers: `127.0.0.1:${port}` }) : redis({ url: `redis://127.0.0.1:${port}` });
}

const config = JSON.parse(process.argv[2] ?? "{}") as NodeConfig;
const carillon = createFaulty(
  {
    contract,
    user: v.object({ id: v.string() }),
    backplane: backplaneAt(config.broker),
    authorize: {
      "feed:{name}": () => ({ subscribe: true, publish: true, history: true, presence: true }),
    },
    logger: consoleLogger(),
  },
  config.faults,
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
http.listen(config.port, "127.0.0.1", 4_096, () => {
  const ready: NodeReady = { port: (http.address() as AddressInfo).port };
  process.send?.(ready);
});

async function leave(): Promise<void> {
  // Whoever comes now is refused by the system, and a balancer takes it elsewhere.
  http.close();
  http.closeIdleConnections();
  await carillon.close({ drainMs: DRAIN_MS });
  process.disconnect();
}
process.once("SIGTERM", () => void leave());
// Whoever started it is gone.
process.on("disconnect", () => {
  if (!http.listening) return;
  process.exit(0);
});
