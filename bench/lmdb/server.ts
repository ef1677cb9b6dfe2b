/**
 * A server in a process of its own: `server <memory|lmdb> <folder>`. Over IPC it says once where it listens and how long
 * it took; then it answers every message with what it has used so far.
 */
import { defineContract, log } from "@carillon/protocol";
import { createCarillon, memory } from "@carillon/server";
import { lmdb } from "@carillon/lmdb";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import * as v from "valibot";
import type { Memory, Started, Usage } from "./subject.ts";

const [kind, path = ""] = process.argv.slice(2);
const openedAt = performance.now();
const carillon = createCarillon({
  contract: defineContract({
    channels: { "bench:{room}": log({ data: v.object({ text: v.string() }), history: { size: 1_000, ttl: "30d" } }) },
  }),
  user: v.object({ id: v.string() }),
  authorize: { "bench:{room}": () => ({ publish: true, subscribe: true }) },
  limits: { commandsPerSecond: 1e6, commandsBurst: 1e6, connectionsPerUser: 1e4, idempotencyEntries: 1e8 },
  backplane: kind === "lmdb" ? lmdb({ path }) : memory(),
});
await carillon.ready();
const readyMs = performance.now() - openedAt;

const http = createServer((_request, response) => {
  carillon.tickets.issue({ user: { id: "load" } }).then(
    (ticket) => response.end(ticket),
    (error: unknown) => response.writeHead(503).end(String(error)),
  );
});
carillon.attach(http);

/** What the kernel says that the process has in memory. */
function memoryNow(): Memory {
  const status = readFileSync("/proc/self/status", "utf8");
  const of = (name: string): number =>
    Number(new RegExp(String.raw`${name}:\s+(\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1_024;
  return { rss: of("VmRSS"), anon: of("RssAnon"), file: of("RssFile") };
}

process.on("message", () => {
  const usage: Usage = { cpu: process.cpuUsage(), memory: memoryNow() };
  process.send?.(usage);
});
process.on("disconnect", () => void carillon.close().then(() => process.exit(0)));
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const started: Started = { port, readyMs, sinceStartMs: performance.now(), memory: memoryNow() };
  process.send?.(started);
});
