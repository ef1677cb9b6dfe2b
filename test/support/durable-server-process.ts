/**
 * A whole server over lmdb in a process of its own, to be killed: `durable-server-process <folder> <port> <faults>`.
 * Says its port over IPC once it is ready; `GET /ticket?user=ada` gets a ticket.
 */
import { defineContract, log, state } from "@carillon/protocol";
import { lmdb } from "@carillon/lmdb";
import { createFaulty, type Fault } from "@carillon/server/testing";
import { createServer } from "node:http";
import * as v from "valibot";

/** Longer than any test, so that a slow machine does not run into its end. */
const WINDOW_MS = 600_000;
/** How long entries of an instance outlive its server. */
const GRACE_MS = 2_500;

const [path = "", port = "0", faults = ""] = process.argv.slice(2);
const carillon = createFaulty(
  {
    contract: defineContract({
      channels: {
        "chat:{room}": log({
          data: v.string(),
          history: { size: 1_000_000 },
          presence: v.object({ name: v.string() }),
        }),
        "cell:{room}": state({ value: v.string() }),
        "board:{room}": state({ value: v.string(), owned: false }),
      },
    }),
    user: v.object({ id: v.string() }),
    authorize: {
      "chat:{room}": () => ({ subscribe: true, publish: true, presence: true }),
      "cell:{room}": () => ({ subscribe: true, set: "own" }),
      "board:{room}": () => ({ subscribe: true, set: "any" }),
    },
    backplane: lmdb({ path }),
    limits: { commandsPerSecond: 1e6, commandsBurst: 1e6, idempotencyWindowMs: WINDOW_MS, graceMs: GRACE_MS },
  },
  faults.split(",").filter((fault) => fault !== "") as Fault[],
);
await carillon.ready();
const http = createServer((request, response) => {
  const user = new URL(request.url ?? "", "http://localhost").searchParams.get("user") ?? "";
  carillon.tickets.issue({ user: { id: user } }).then(
    (ticket) => response.end(ticket),
    (error: unknown) => response.writeHead(503).end(String(error)),
  );
});
carillon.attach(http);
process.on("disconnect", () => process.exit(0));
http.listen(Number(port), "127.0.0.1", () => {
  const address = http.address();
  process.send?.(typeof address === "object" && address !== null ? address.port : 0);
});
