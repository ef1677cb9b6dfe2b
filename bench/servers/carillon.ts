import { defineContract, log } from "@carillon/protocol";
import { createCarillon, type Metrics } from "@carillon/server";
import type { Server } from "node:http";
import * as v from "valibot";

/** The publisher is faster than any client should be; everything else is as it comes. */
const LIMITS = { commandsPerSecond: 1_000_000, commandsBurst: 1_000_000, connectionsPerUser: 10_000 };

/** Our own protocol: a typed contract, validated data, history. Tickets at `GET /ticket`. */
export function serveCarillon(http: Server): Metrics {
  const carillon = createCarillon({
    contract: defineContract({
      channels: {
        "bench:{room}": log({
          data: v.object({ text: v.pipe(v.string(), v.maxLength(200)) }),
          history: { size: 1_000 },
        }),
      },
    }),
    user: v.object({ id: v.string() }),
    authorize: { "bench:{room}": () => ({ subscribe: true, publish: true }) },
    limits: LIMITS,
  });
  http.on("request", (_request, response) => {
    void carillon.tickets.issue({ user: { id: "load" } }).then((ticket) => response.end(ticket));
  });
  carillon.attach(http);
  return carillon.metrics;
}

/** The raw gateway: plain WebSockets on a channel of bytes, with the same history. */
export function serveRaw(http: Server): Metrics {
  const channel = "bench:all";
  const carillon = createCarillon({
    contract: defineContract({
      channels: { [channel]: log({ data: v.instance(Uint8Array), history: { size: 1_000 } }) },
    }),
    user: v.object({ id: v.string() }),
    raw: {
      "/subscribe": { channel, format: "bytes", subscribe: true },
      "/publish": { channel, format: "bytes", publish: true },
    },
    limits: LIMITS,
  });
  carillon.attach(http);
  return carillon.metrics;
}
