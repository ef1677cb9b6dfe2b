import type { Ports } from "../core/ports.ts";

/**
 * Positions that verify themselves (P5). A place in a channel is `{epoch, offset, tag}`: the identity of this life of
 * the channel, an increasing number, and a tag that depends on everything before it. An offset alone proves nothing:
 * a store that was restored from an old copy hands out the same offsets again, for other items.
 */
export interface Place {
  /** At least 64 random bits, drawn when the channel's life begins. */
  readonly epoch: string;
  /** 0 before the first item, then one more with each. */
  readonly offset: number;
  /** 64 bits: hash of the tag before, the offset, the item's id and its store time. */
  readonly tag: string;
}

const FORM = /^([A-Za-z0-9_-]{11,22})\.([0-9a-z]{1,11})\.([A-Za-z0-9_-]{1,11})$/;
/** The tag of a channel in which nothing has happened yet. */
const FIRST_TAG = "0";

/** The place before the first item of a new life. */
export function firstPlace(epoch: string): Place {
  return { epoch, offset: 0, tag: FIRST_TAG };
}

/**
 * The place after one more item. The payload is left out of the hash, so that an erasure keeps the chain. Erring on
 * one side: two different items with the same id and millisecond at the same offset would share a tag.
 */
export function nextPlace(place: Place, id: string, at: number, hash: Ports["hash"]): Place {
  const offset = place.offset + 1;
  return { epoch: place.epoch, offset, tag: hash(`${place.tag} ${offset} ${at} ${id}`) };
}

/** The place as the opaque string that travels. */
export function formatPlace(place: Place): string {
  return `${place.epoch}.${place.offset.toString(36)}.${place.tag}`;
}

/** The place that a position from outside names, or null when it is not one of ours. */
export function parsePlace(position: string): Place | null {
  const match = FORM.exec(position);
  if (match === null) return null;
  const [, epoch = "", digits = "", tag = ""] = match;
  const offset = Number.parseInt(digits, 36);
  return Number.isSafeInteger(offset) ? { epoch, offset, tag } : null;
}
