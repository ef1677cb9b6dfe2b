// A broker, three nodes and a proxy, until Ctrl-C. BROKER=nats: over NATS in place of Redis. PORT chooses the ports.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { Cluster, portsFrom } from "./cluster.mjs";

/** The same Ctrl-C comes twice through npm, a moment apart; a person is slower. */
const REPEAT_MS = 1_000;

const data = process.env.CLUSTER_DATA || "data";
mkdirSync(data, { recursive: true });
// Relative, because the path of a socket may have some hundred characters and no more.
const control = `${data}/control.sock`;

/** @type {Cluster | undefined} */
let running;
try {
  const ports = await portsFrom(Number(process.env.PORT || 8080));
  const kind = process.env.BROKER === "nats" ? "nats" : "redis";
  const cluster = new Cluster(ports, kind, resolve(data));
  running = cluster;
  stopOnSignals(cluster);
  await cluster.start();
  serveRestarts(cluster);
  console.log(`\nProcesses: ${cluster.pids.join(", ")}`);
  console.log(`The proxy's own view: ${cluster.statusAddress}`);
  console.log(`The chat on three nodes is at ${cluster.address}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  await running?.stop();
  process.exit(1);
}

/** @param {Cluster} cluster */
function stopOnSignals(cluster) {
  let firstMs = 0;
  const stop = async (/** @type {NodeJS.Signals} */ signal) => {
    if (firstMs > 0) {
      if (performance.now() - firstMs < REPEAT_MS) return;
      cluster.kill();
      process.exit(130);
    }
    firstMs = performance.now();
    console.log(`${signal}: everything is being ended`);
    await cluster.stop();
    rmSync(control, { force: true });
    process.exit(0);
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, (got) => void stop(got));
}

/** Whoever connects gets a rolling restart, and reads how it goes. @param {Cluster} cluster */
function serveRestarts(cluster) {
  if (existsSync(control)) rmSync(control);
  let isRestarting = false;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (isRestarting) {
      socket.end("A restart is under way already.\n");
      return;
    }
    isRestarting = true;
    void cluster
      .restart((line) => {
        console.log(line);
        if (socket.writable) socket.write(`${line}\n`);
      })
      .catch((/** @type {unknown} */ error) => {
        console.error(error);
        if (socket.writable) socket.write(`${String(error)}\n`);
      })
      .finally(() => {
        isRestarting = false;
        socket.end();
      });
  });
  server.listen(control);
}
