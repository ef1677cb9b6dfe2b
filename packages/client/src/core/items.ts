import type { Publisher } from "@carillon/protocol";
import { isFields, isText, type Fields } from "./fields.ts";

/** What publications and tombstones share. */
export interface PublicationBase {
  /** Unique within channel and publishing instance. */
  readonly id: string;
  /** Store time, in milliseconds since 1970. */
  readonly at: number;
  /** Undefined: the server itself. */
  readonly publisher: Publisher | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
  /** Store time after which the data is gone; undefined: never. */
  readonly expires: number | undefined;
  /**
   * Version of the schema that the data satisfies: that of the server's contract, or a later one. Of a tombstone, an
   * earlier one: the data is there, and the server could not bring it to the present form.
   */
  readonly version: number;
}

/** One message of a log channel. */
export interface Publication<Data = unknown> extends PublicationBase {
  readonly erased: false;
  readonly data: Data;
}

/** What is left of a publication that was erased or has expired. */
export interface Tombstone extends PublicationBase {
  readonly erased: true;
}

/** A change of an earlier publication. Applying it twice must be harmless. */
export type Amendment<Data = unknown> = {
  /** Id of the publication that changes. */
  readonly id: string;
  /** Id of the amendment itself. */
  readonly amendment: string;
  readonly at: number;
  readonly publisher: Publisher | undefined;
} & ({ readonly erased: false; readonly data: Data } | { readonly erased: true });

/** One key and its value in a state channel. */
export interface Entry<Value = unknown> {
  readonly value: Value;
  /** Grows with every change in the channel; what `expect` compares. */
  readonly version: number;
  /** Store time, in milliseconds since 1970. */
  readonly at: number;
  /** The instance with which the entry ends; undefined where entries are not owned. */
  readonly owner: Publisher | undefined;
}

/** Hands out the next `length` bytes that follow a JSON head. Throws if there are not so many. */
export type Take = (length: unknown) => Uint8Array;

/** Reads the bytes that follow a JSON head, item by item. They are copied: a view would keep the whole frame alive. */
export function takeFrom(body: Uint8Array | undefined): Take {
  let end = 0;
  return (length) => {
    const bytes = body?.slice(end, (end += Number(length)));
    if (!bytes || bytes.byteLength !== length) throw new Error("Expected more bytes.");
    return bytes;
  };
}

/** The payload of an item: its data, or that it is erased. */
export function readPayload(item: Fields, take: Take): { erased: false; data: unknown } | { erased: true } {
  if (item["erased"] === true) return { erased: true };
  return { erased: false, data: item["bytes"] === undefined ? item["data"] : take(item["bytes"]) };
}

/** Reads a publication, whole or erased; null for what is none. Throws when its bytes are missing. */
export function readPublication(item: unknown, take: Take): Publication | Tombstone | null {
  if (!isFields(item) || !isText(item["id"]) || item["amend"] !== undefined) return null;
  return {
    id: item["id"],
    at: Number(item["at"]),
    publisher: readPublisher(item["publisher"]),
    tags: isTexts(item["tags"]) ? item["tags"] : {},
    meta: isTexts(item["meta"]) ? item["meta"] : {},
    expires: typeof item["expires"] === "number" ? item["expires"] : undefined,
    version: typeof item["version"] === "number" ? item["version"] : 1,
    ...readPayload(item, take),
  };
}

/** Reads an amendment of the publication `id`. Throws when its bytes are missing. */
export function readAmendment(id: string, item: Fields, take: Take): Amendment {
  return {
    id,
    amendment: String(item["id"]),
    at: Number(item["at"]),
    publisher: readPublisher(item["publisher"]),
    ...readPayload(item, take),
  };
}

/** Reads who published or owns; undefined for what is nobody. */
export function readPublisher(value: unknown): Publisher | undefined {
  return isFields(value) && isText(value["user"]) && isText(value["instance"])
    ? { user: value["user"], instance: value["instance"] }
    : undefined;
}

/** Tags and meta: texts alone. */
function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isFields(value) && Object.values(value).every(isText);
}
