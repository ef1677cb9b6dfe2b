// A broker, three nodes and a proxy, until Ctrl-C. BROKER=nats: over NATS in place of Redis. PORT chooses the ports.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { Cluster, portsFrom } from "./cluster.mjs";
import { Control } from "./control.mjs";

/** The same Ctrl-C comes twice through npm, a moment apart; a person is slower. */
const REPEAT_MS = 1_000;

const data = process.env.CLUSTER_DATA || "data";
mkdirSync(data, { recursive: true });
/** @type {Cluster | undefined} */
let running;
try {
  // Before anything is started: two brokers on one folder would spoil what is kept there.
  const control = await Control.open(data);
  const ports = await portsFrom(Number(process.env.PORT || 8080));
  const kind = process.env.BROKER === "nats" ? "nats" : "redis";
  const cluster = new Cluster(ports, kind, resolve(data));
  running = cluster;
  stopOnSignals(cluster, control);
  await cluster.start();
  control.serve(cluster);
  console.log(`\nProcesses: ${cluster.pids.join(", ")}`);
  console.log(`The proxy's own view: ${cluster.statusAddress}`);
  console.log(`The chat on three nodes is at ${cluster.address}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  await running?.stop();
  process.exit(1);
}

/** @param {Cluster} cluster @param {Control} control */
function stopOnSignals(cluster, control) {
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
    control.close();
    process.exit(0);
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, (got) => void stop(got));
}
