import type { BrokerCommand } from "../harness/broker.ts";

/** Redis with what its documentation advises for data that should survive it: an append-only file, synced each second. */
export const REDIS: BrokerCommand = (port, folder) => ({
  command: `redis-server --port ${port} --bind 127.0.0.1 --dir ${folder} --appendonly yes --appendfsync everysec`
    .split(" ")
    .concat("--save", ""),
});

/** NATS with JetStream in a file; one thread of Go at a time, since all share one processor. */
export const JETSTREAM: BrokerCommand = (port, folder) => ({
  command: ["nats-server", "-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder],
  env: { GOMAXPROCS: "1" },
});
