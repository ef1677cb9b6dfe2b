import { spawnSync } from "node:child_process";
import { freePort } from "./free-port.ts";
import { RedisServer } from "./redis-server.ts";

/** How long to wait until the servers know of each other. */
const PATIENCE_MS = 30_000;

/** Runs redis-cli; its answer. */
export function cli(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("redis-cli", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`redis-cli ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout.trim();
}

/** Starts one server, in a place of its own, with settings that make it a member of a cluster. */
type MemberStarter = (index: number, settings: readonly string[]) => Promise<RedisServer>;

/** Starts three servers that share the slots of one Redis Cluster. Whoever started them disposes of them. */
export async function startCluster(
  start: MemberStarter = startMember,
): Promise<readonly [RedisServer, RedisServer, RedisServer]> {
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  const one = await start(0, settings);
  const two = await start(1, settings);
  const three = await start(2, settings);
  const servers = [one, two, three] as const;
  cli("--cluster", "create", ...servers.map(({ address }) => address), "--cluster-yes");
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const infos = await Promise.all(servers.map((server) => server.command("CLUSTER", "INFO")));
    if (infos.every((info) => String(info).includes("cluster_state:ok"))) return servers;
    if (performance.now() > end) throw new Error("Expected the servers to become a cluster.");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function startMember(_: number, settings: readonly string[]): Promise<RedisServer> {
  return RedisServer.start(...settings, "--cluster-port", String(await freePort()));
}
