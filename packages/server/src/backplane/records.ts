import type { Publisher } from "@carillon/protocol";

/**
 * What a store keeps and hands out. Records are immutable and shared: between history and live units, between
 * subscribers. An amendment replaces a record, it never changes one.
 */

/** The payload of a record: JSON text, bytes, or null once it was erased or has expired. */
export type Payload = string | Uint8Array | null;

/** A retained publication. */
export interface PublicationRecord {
  readonly kind: "publication";
  readonly id: string;
  /** Store time in milliseconds since 1970. */
  readonly at: number;
  readonly data: Payload;
  readonly publisher: Publisher | null;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly meta: Readonly<Record<string, string>> | null;
  /** Store time from which `data` reads as null; 0: never. */
  readonly expires: number;
  /** Version of the contract's schema that the data was written under: as it is now, amendments applied. */
  readonly version: number;
}

/** A change of an earlier publication. */
export interface AmendRecord {
  readonly kind: "amend";
  readonly id: string;
  /** Id of the publication that changed. */
  readonly amend: string;
  readonly at: number;
  readonly data: Payload;
  readonly publisher: Publisher | null;
  /** As of the publication that changed. */
  readonly expires: number;
  /**
   * Version of the contract's schema that the data was written under; the publication has it from then on, as it has the
   * data.
   */
  readonly version: number;
}

/** An entry of a state channel with its latest value. */
export interface EntryRecord {
  readonly kind: "entry";
  readonly key: string;
  readonly version: number;
  readonly at: number;
  readonly data: Payload;
  readonly owner: Publisher | null;
}

/** The end of an entry. */
export interface RemovalRecord {
  readonly kind: "removal";
  readonly key: string;
  readonly version: number;
}

/** What a log holds. */
export type LogRecord = PublicationRecord | AmendRecord;
/** What a state channel hands out. */
export type StateRecord = EntryRecord | RemovalRecord;
/** What a channel of either kind delivers. */
export type ChannelRecord = LogRecord | StateRecord;

/** Bytes of a payload, near enough for the bound of a page. */
export function payloadSize(data: Payload): number {
  if (data === null) return 0;
  return typeof data === "string" ? data.length : data.byteLength;
}
