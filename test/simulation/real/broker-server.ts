import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nats } from "@carillon/nats";
import { redis } from "@carillon/redis";
import type { Backplane } from "@carillon/server/backplane";
import { NatsServer } from "../../support/nats-server.ts";
import { RedisServer } from "../../support/redis-server.ts";

/** The backplanes that have a real server. */
export const REAL_BACKPLANES = ["redis", "nats"] as const;
export type RealBackplane = (typeof REAL_BACKPLANES)[number];

/** A server of a run's own, with everything that can be done to it. */
export interface BrokerServer {
  readonly kind: RealBackplane;
  readonly port: number;
  /** The backplane that speaks to it, at a port that leads there. */
  backplane(port: number): Backplane;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again; resolves once it serves. */
  start(): Promise<void>;
  /** SIGSTOP, and SIGCONT. */
  pause(): Promise<void>;
  resume(): void;
  /** Keeps a copy of its files as they are at this moment. */
  keep(): Promise<void>;
  /** Puts the copy in place of its files, while it is killed; without one, nothing is left. */
  restore(): Promise<void>;
  dispose(): Promise<void>;
}

/** Starts one. */
export async function startBroker(kind: RealBackplane): Promise<BrokerServer> {
  if (kind === "redis") {
    const server = await RedisServer.start();
    return withCopies(server.folder, {
      kind,
      port: server.port,
      backplane: (port) => redis({ url: `redis://127.0.0.1:${port}` }),
      kill: () => server.end(),
      start: () => server.start(),
      pause: async () => server.signal("SIGSTOP"),
      resume: () => server.signal("SIGCONT"),
      dispose: () => server[Symbol.asyncDispose](),
    });
  }
  const server = await NatsServer.start();
  return withCopies(server.folder, {
    kind,
    port: server.port,
    backplane: (port) => nats({ servers: `127.0.0.1:${port}` }),
    kill: () => server.stop(),
    start: () => server.start(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    dispose: () => server[Symbol.asyncDispose](),
  });
}

/** Copies are taken of a server that stands still: what a crash at that moment would have left. */
function withCopies(folder: string, server: Omit<BrokerServer, "keep" | "restore">): BrokerServer {
  let kept: string | null = null;
  return {
    ...server,
    keep: async () => {
      kept ??= await mkdtemp(join(tmpdir(), "carillon-simulated-"));
      await empty(kept);
      await server.pause();
      await cp(folder, kept, { recursive: true });
      server.resume();
    },
    restore: async () => {
      await empty(folder);
      if (kept !== null) await cp(kept, folder, { recursive: true });
    },
    dispose: async () => {
      await server.dispose();
      if (kept !== null) await rm(kept, { recursive: true, force: true });
    },
  };
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}
