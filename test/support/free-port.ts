import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ports that systems give to outgoing connections (Linux: 32768 to 60999). A server that is killed and started
 * again would find one of those taken at times: by any connection at all, even by the attempt to reach the server
 * itself, which TCP lets connect to itself when both ports are the same.
 */
const FIRST = 16_000;
const COUNT = 16_000;
/** Ports that are tried. */
const TRIES_MAX = 100;

/** A port of the loopback address that is free, and stays so while the server behind it is down. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`Expected a free port from ${FIRST} on, found none in ${TRIES_MAX} tries.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ port, host: "127.0.0.1" });
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
