import { hash, randomFillSync } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Ports, Timer } from "../core/ports.ts";

/**
 * The real world behind {@link Ports}: the clocks, timers, chance and hash of the process. A server makes one; the
 * synchronous core gets nothing else of the world.
 */
export function systemPorts(): Ports {
  return {
    // Whole milliseconds: engines keep them in the object that remembers them, fractions beside it.
    monotonicMs: () => Math.floor(performance.now()),
    wallMs: () => Date.now(),
    after: (delayMs, callback) => new SystemTimer(delayMs, callback),
    endOfTick: (callback) => {
      setImmediate(callback);
    },
    random: () => Math.random(),
    id: idSource(),
    hash: hash64,
    digest: (data) => hash("sha256", data, "base64url"),
  };
}

/** The longest delay that `setTimeout` takes; it fires at once for a longer one. */
const DELAY_MAX_MS = 2_147_483_647;

/**
 * One timer. It keeps the process alive: a server that is open is not done, and closing it cancels what it set. Delays
 * over 24 days, which `setTimeout` can't take, are waited for in parts.
 */
class SystemTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#handle = this.#wait(delayMs, callback);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #wait(delayMs: number, callback: () => void): NodeJS.Timeout {
    if (!(delayMs > DELAY_MAX_MS)) return setTimeout(callback, delayMs);
    return setTimeout(() => {
      this.#handle = this.#wait(delayMs - DELAY_MAX_MS, callback);
    }, DELAY_MAX_MS);
  }
}

const ID_BYTES = 16;
const POOL_BYTES = 4_096;

/**
 * Ids of 128 random bits. Random bytes are drawn for many ids at once, since a draw costs the same for one as for
 * many; those that were used are blanked, so that no memory dump shows the ids handed out.
 */
function idSource(): () => string {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let used = POOL_BYTES;
  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const end = used + ID_BYTES;
    const id = pool.toString("base64url", used, end);
    pool.fill(0, used, end);
    used = end;
    return id;
  };
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** Each character with its two lowest bits cleared: eleven characters hold 66 bits, and a hash is 64 of them. */
const LAST: ReadonlyMap<string, string> = new Map(
  Array.from(ALPHABET, (character, index) => [character, ALPHABET.charAt(index & ~3)]),
);

/** The first 64 bits of SHA-256 in base64url. Cut from the text: making a buffer first costs three times as much. */
function hash64(data: string | Uint8Array): string {
  const digest = hash("sha256", data, "base64url");
  return digest.slice(0, 10) + (LAST.get(digest.charAt(10)) ?? "");
}
