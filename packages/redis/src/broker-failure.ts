import type { Failure } from "@carillon/server/backplane";

/** The answer to what can't be done while Redis is out of reach. Nothing was sent. */
export const UNREACHABLE: Failure = {
  ok: false,
  code: "unavailable",
  message: "Redis can't be reached now; try again later.",
};

/** The answer to what waited longer than it may. */
export const TOO_LATE: Failure = {
  ok: false,
  code: "timeout",
  message: "Redis did not answer in time; it may have happened all the same. Send it again with the same id.",
};

/** The answer to what is more than may wait. */
export const TOO_MUCH: Failure = {
  ok: false,
  code: "overloaded",
  message: "Too much waits for Redis already; try again later.",
};

/** A connection that was lost, or given up, before the answer came. */
export class ConnectionLost extends Error {
  /** True: it was given up because no answer came. */
  readonly isStalled: boolean;

  constructor(message: string, isStalled: boolean) {
    super(message);
    this.name = "ConnectionLost";
    this.isStalled = isStalled;
  }
}

/** A call that was not made: the server it belongs to was out of reach for too long. */
export class Unreachable extends Error {
  constructor() {
    super(UNREACHABLE.message);
    this.name = "Unreachable";
  }
}

/** What a server's error says about the call. Each means that nothing was done. */
export interface Refusal {
  /** The first word of the error: `READONLY`, `OOM`, …. */
  readonly code: string;
  /** The server is the wrong one, or not fit to serve: look for another, connect again. */
  readonly isMisplaced: boolean;
}

const MISPLACED = new Set(["READONLY", "MOVED", "ASK", "CLUSTERDOWN", "MASTERDOWN", "LOADING"]);
const PASSING = new Set([...MISPLACED, "TRYAGAIN", "MISCONF", "NOREPLICAS", "BUSY", "NOSCRIPT", "UNKILLABLE"]);

/** Reads an error that Redis answered with; null if it is not one. */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof Error) || error instanceof ConnectionLost || error instanceof Unreachable) return null;
  // An error that comes up inside a script keeps its code; Redis adds where it came up.
  const [code = ""] = error.message.split(" ");
  if (!/^[A-Z]{2,}$/.test(code)) return null;
  return { code, isMisplaced: MISPLACED.has(code) };
}

/** The failure for a call that did not succeed. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ConnectionLost && error.isStalled) return TOO_LATE;
  if (error instanceof Unreachable) return UNREACHABLE;
  const refusal = refusalOf(error);
  if (refusal === null) {
    const message = "The connection to Redis was lost before the answer came. Send it again with the same id.";
    return { ok: false, code: "unavailable", message };
  }
  if (refusal.code === "OOM") {
    return { ok: false, code: "overloaded", message: "Redis has no memory left; try again later." };
  }
  if (PASSING.has(refusal.code)) {
    return { ok: false, code: "unavailable", message: `Redis does not serve now (${refusal.code}); try again later.` };
  }
  return { ok: false, code: "internal", message: "Redis could not do what it was asked; its answer is in the log." };
}
