import { nextPlace, type LogRecord, type Place, type Ports } from "@carillon/server/backplane";
import type { LogBlock, Segment, StoredRecord } from "./block.ts";

/** A block and where it is kept. */
export interface KeptBlock<B> {
  readonly seq: number;
  readonly block: B;
}

/** A record of a log with its place, as the blocks have it. */
interface PlacedRecord {
  readonly stored: StoredRecord;
  readonly nonce: string;
  readonly place: Place;
  readonly before: string;
}

/** A log put together from its blocks. */
export interface Assembly {
  /** The place before the first record. */
  readonly base: Place;
  /** Contiguous, up to the top. */
  readonly records: readonly PlacedRecord[];
  /** What is of an earlier life, or below a hole; its ids may still count. */
  readonly others: readonly PlacedRecord[];
}

/**
 * Puts the records of all blocks in their places: stretches that were carried stand where they came from, in the form
 * that they were given last. What is below a hole is as good as trimmed.
 */
export function assemble(blocks: readonly KeptBlock<LogBlock>[], top: Place, ports: Ports): Assembly {
  const found = new Map<number, PlacedRecord>();
  const others: PlacedRecord[] = [];
  for (const { block } of blocks) {
    for (const part of [block.own, ...block.carried]) {
      for (const placed of placesOf(block.epoch, part, ports)) {
        if (block.epoch !== top.epoch) others.push(placed);
        else found.set(placed.place.offset, placed);
      }
    }
  }
  const records: PlacedRecord[] = [];
  let base = top;
  for (let item = found.get(top.offset); item?.place.tag === base.tag; item = found.get(base.offset)) {
    records.push(item);
    found.delete(base.offset);
    base = { epoch: top.epoch, offset: base.offset - 1, tag: item.before };
  }
  return { base, records: records.reverse(), others: [...others, ...found.values()] };
}

/** The place after the records of a segment. */
export function placeAfter(epoch: string, part: Segment, ports: Ports): Place {
  let place: Place = { epoch, offset: part.offset, tag: part.tag };
  for (const { record } of part.records) place = tagged(place, part.nonce, record, ports);
  return place;
}

/** The place after one more record. The nonce makes the tag one of its block: the same id at the same time is no twin. */
export function tagged(place: Place, nonce: string, { id, at }: LogRecord, ports: Ports): Place {
  return nextPlace(place, `${id} ${nonce}`, at, ports.hash);
}

function placesOf(epoch: string, part: Segment, ports: Ports): PlacedRecord[] {
  let place: Place = { epoch, offset: part.offset, tag: part.tag };
  return part.records.map((stored) => {
    const before = place.tag;
    place = tagged(place, part.nonce, stored.record, ports);
    return { stored, nonce: part.nonce, place, before };
  });
}
