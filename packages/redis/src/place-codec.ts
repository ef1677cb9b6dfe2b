import { formatPlace, parsePlace } from "@carillon/server/backplane";
import type { Position } from "@carillon/protocol";

/**
 * A place as scripts write it: `epoch offset tag`, the tag as 16 hexadecimal digits, since that is what Lua has. On the
 * wire it is a position like any store's.
 */
export interface StoredPlace {
  readonly epoch: string;
  readonly offset: number;
  readonly position: Position;
}

const NOWHERE = ["", "0", ""] as const;

/** Reads a place that a script wrote. */
export function readPlace(text: string): StoredPlace {
  const [epoch = "", digits = "0", hex = ""] = text.split(" ");
  const offset = Number(digits);
  return { epoch, offset, position: formatPlace({ epoch, offset, tag: tagOf(hex) }) };
}

/** A tag as it stands in positions. */
export function tagOf(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64url");
}

/** Epoch, offset and tag of a position from outside, as scripts take them; an empty epoch if it is none of ours. */
export function placeArguments(position: Position): readonly [string, string, string] {
  const place = parsePlace(position);
  if (place === null) return NOWHERE;
  return [place.epoch, String(place.offset), Buffer.from(place.tag, "base64url").toString("hex")];
}
