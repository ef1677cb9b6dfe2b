import { statfsSync } from "node:fs";
import type { Failure } from "@carillon/server/backplane";

/** `ENOSPC` and `EDQUOT`, as the system numbers them; `MDB_MAP_FULL`. */
const NO_ROOM: ReadonlySet<unknown> = new Set([28, 122, -30792]);
/** A disk with less than this is full: a write that fits only in part is reported as a general failure. */
const ROOM_BYTES = 1_048_576;

/** What the sender of a request is told when the commit that it was in has failed: try again, in either case. */
export function failureOf(error: unknown, path: string): Failure {
  if (isForWantOfRoom(error, path)) {
    return {
      ok: false,
      code: "overloaded",
      message: "The disk of the store is full; nothing can be stored until there is room.",
    };
  }
  return { ok: false, code: "unavailable", message: "The store could not write; try again later." };
}

/** True if a commit failed because the disk is full. */
export function isForWantOfRoom(error: unknown, path: string): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return NO_ROOM.has(code) || !hasRoom(path);
}

/** True if there is room for more than a handful of pages. */
export function hasRoom(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    return true;
  }
}
