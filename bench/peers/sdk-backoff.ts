import type { Door } from "../harness/door.ts";

/** As the client SDK waits: anything up to half a second first, then up to 20 s, and half of that at least. */
export const SDK_BACKOFF = {
  backoffBaseMs: 500,
  backoffMaxMs: 20_000,
  backoffMinShare: 0.5,
  backoffFirstShare: 0,
} as const satisfies Partial<Door>;
