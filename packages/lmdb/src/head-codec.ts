import type { ChannelOptions, Place } from "@carillon/server/backplane";
import { ByteReader, SIX_MAX, textBound, type ByteWriter } from "./bytes.ts";
import { damaged } from "./store-error.ts";

/**
 * What is known of a channel as a whole; it outlives everything that the channel holds. Immutable: a change makes
 * another. At rest:
 *
 *     kind 1 │ number 4 │ epoch short │ top: offset 6, tag short │ floor: offset 6, tag short │ indexed 6 │ at 6 │
 *     entries 4 │ history size 6 │ history ttl 6
 */
export interface ChannelHead {
  readonly kind: "log" | "state";
  /** Of this life of the channel; 0: nothing has been written yet. */
  readonly number: number;
  /** After the newest item. */
  readonly top: Place;
  /** Before the oldest item that is still there. */
  readonly floor: Place;
  /** Log: up to this offset, the ids of publications are in the index on disk. */
  readonly indexed: number;
  /** Log: the latest store time seen. State: that of the newest change. */
  readonly at: number;
  /** State: how many entries it has. */
  readonly entries: number;
  /** The bounds of its history as they were last asked for: for trimming it while nobody asks. */
  readonly historySize: number;
  readonly historyTtlMs: number;
}

/** What is known of the store as a whole: `format 2 │ ids' epoch short │ secret short │ boot 4 │ numbers 4 │ credentials 6`. */
export interface StoreHead {
  readonly format: number;
  /** Identity of the memory of publication ids. */
  readonly idsEpoch: string;
  /** The epochs of channels that nobody has written to are derived from it. */
  readonly secret: string;
  /** How often the store was opened. */
  readonly boot: number;
  /** The last channel number that was given out. */
  readonly numbers: number;
  /** How many credentials it holds. */
  readonly credentials: number;
}

const KINDS = ["log", "state"] as const;
/** What has a fixed size, and the lengths: fewer bytes than this. */
const FIXED_BYTES = 80;

/** Writes the head of a channel. */
export function encodeHead(writer: ByteWriter, head: ChannelHead): Uint8Array {
  const { kind, number, top, floor, indexed, at, entries, historySize, historyTtlMs } = head;
  writer.begin(FIXED_BYTES + textBound(top.epoch) + textBound(top.tag) + textBound(floor.tag));
  writer.one(KINDS.indexOf(kind));
  writer.four(number);
  writer.short(top.epoch);
  writer.six(top.offset);
  writer.short(top.tag);
  writer.six(floor.offset);
  writer.short(floor.tag);
  writer.six(indexed);
  writer.six(at);
  writer.four(entries);
  writer.six(historySize);
  writer.six(historyTtlMs);
  return writer.end();
}

/** Reads the head of a channel. */
export function decodeHead(value: Uint8Array): ChannelHead {
  const reader = new ByteReader(value);
  const kind = KINDS[reader.one()];
  if (kind === undefined) throw damaged("a channel is of no kind that there is");
  const number = reader.four();
  const epoch = reader.short();
  const topOffset = reader.six();
  const top: Place = { epoch, offset: topOffset, tag: reader.short() };
  const floorOffset = reader.six();
  const floor: Place = { epoch, offset: floorOffset, tag: reader.short() };
  const indexed = reader.six();
  const at = reader.six();
  const entries = reader.four();
  const historySize = reader.six();
  return { kind, number, top, floor, indexed, at, entries, historySize, historyTtlMs: reader.six() };
}

/** Writes the head of the store. */
export function encodeStoreHead(writer: ByteWriter, head: StoreHead): Uint8Array {
  const { format, idsEpoch, secret, boot, numbers, credentials } = head;
  writer.begin(FIXED_BYTES + textBound(idsEpoch) + textBound(secret));
  writer.two(format);
  writer.short(idsEpoch);
  writer.short(secret);
  writer.four(boot);
  writer.four(numbers);
  writer.six(credentials);
  return writer.end();
}

/** Reads the head of the store. */
export function decodeStoreHead(value: Uint8Array): StoreHead {
  const reader = new ByteReader(value);
  const format = reader.two();
  const idsEpoch = reader.short();
  const secret = reader.short();
  const boot = reader.four();
  const numbers = reader.four();
  return { format, idsEpoch, secret, boot, numbers, credentials: reader.six() };
}

/** The bounds of a history as they are kept: whole numbers, and none beyond six bytes. */
export function boundsOf({
  historySize,
  historyTtlMs,
}: ChannelOptions): Pick<ChannelHead, "historySize" | "historyTtlMs"> {
  return { historySize: asSix(historySize), historyTtlMs: asSix(historyTtlMs) };
}

/** A number as six bytes can hold it: whole, from 0. */
export function asSix(value: number): number {
  return Math.min(SIX_MAX, Math.max(0, Math.ceil(value)));
}
