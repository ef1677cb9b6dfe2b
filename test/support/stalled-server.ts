/**
 * A process of its own, so that its memory is that of a server and nothing else: a log channel for each reader, so that
 * nothing of what waits for them is shared. Told what to do, and asked how it is, over IPC.
 *
 *   node --expose-gc --import tsx stalled-server.ts <outboxBytes>
 */
import { defineContract, log } from "@carillon/protocol";
import { createCarillon } from "@carillon/server";
import { createServer } from "node:http";
import * as v from "valibot";
import { listen } from "./serve.ts";

/** Publish to each of the first `channels` channels, `rounds` times, numbered from `from`. */
export interface StalledOrder {
  readonly channels: number;
  readonly rounds: number;
  readonly from: number;
}

/** How the server is after an order. */
export interface StalledReport {
  readonly port: number;
  readonly catchingUp: number;
  readonly subscriptions: number;
  /** After a collection. */
  readonly heapAndExternalBytes: number;
  readonly rssBytes: number;
}

/** Characters of a publication's data. */
const PAD = "x".repeat(16_000);

const carillon = createCarillon({
  contract: defineContract({
    channels: {
      "feed:{reader}": log({ data: v.object({ n: v.number(), pad: v.string() }), history: { size: 10 } }),
    },
  }),
  user: v.object({ id: v.string() }),
  authorize: { "feed:{reader}": () => ({ subscribe: true }) },
  // A reader that is stalled on purpose is not to be closed for it.
  limits: {
    outboxBytes: Number(process.argv[2]),
    heartbeatMs: 600_000,
    stallTimeoutMs: 600_000,
    connectionsPerUser: 1_000,
  },
});
const http = createServer((_request, response) => {
  void carillon.tickets.issue({ user: { id: "reader" } }).then((ticket) => response.end(ticket));
});
carillon.attach(http);
await carillon.ready();
const port = await listen(http);

async function carryOut({ channels, rounds, from }: StalledOrder): Promise<void> {
  for (let n = from; n < from + rounds; n++) {
    const publish = (reader: number): Promise<unknown> => carillon.publish(`feed:${reader}`, { n, pad: PAD });
    await Promise.all(Array.from({ length: channels }, (_, reader) => publish(reader)));
  }
}

function report(): StalledReport {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const { catchingUp, subscriptions } = carillon.metrics;
  return { port, catchingUp, subscriptions, heapAndExternalBytes: heapUsed + external, rssBytes: rss };
}

process.on("message", (order: StalledOrder) => void carryOut(order).then(() => process.send?.(report())));
process.on("disconnect", () => process.exit(0));
process.send?.(report());
