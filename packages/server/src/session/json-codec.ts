import { encodeRecord, type ChannelKind, type Position, type Publisher } from "@carillon/protocol";
import type { ChannelRecord, Payload, PublicationRecord } from "../backplane/records.ts";
import type { Group } from "../hub/group.ts";
import type { Unit } from "../hub/unit.ts";
import type { Framing } from "./connection.ts";

/**
 * The outgoing side of `carillon.1.json`. Payloads of records are JSON text already, so heads are put together from
 * text: a payload is serialised once in its life, when it was published.
 */

/** The group of all sessions whose connections share a framing. */
export function jsonGroup(framing: Framing): Group {
  const { forUnits = framing } = framing;
  return { name: "carillon.1.json", encode: (unit) => encodeUnit(unit, forUnits) };
}

/** The result of a subscribe. The position may be the client's own, with any printable character in it. */
export function subscribedText(channel: string, kind: ChannelKind, pos: Position | null, isLive: boolean): string {
  return `{"channel":"${channel}","kind":"${kind}","pos":${JSON.stringify(pos)},"live":${isLive}}`;
}

/** The reply to a publish or an amendment that was stored. It is put together from text: each publish has one. */
export function encodeAppended(id: number, pos: Position, at: number, framing: Framing): Uint8Array {
  return framing.text(`{"re":${id},"ok":{"pos":${quote(pos)},"at":${at}}}`);
}

/** A reply with records among its fields, as whole frames: `fields` is JSON text of the other fields, without braces. */
export function encodeHistoryReply(
  id: number,
  fields: string,
  records: readonly ChannelRecord[],
  framing: Framing,
): Uint8Array {
  const head = `{"re":${id},"ok":{${fields},"items":[${records.map(encodeRecordHead).join()}]}}`;
  return frame(head, records, framing);
}

function encodeUnit({ content }: Unit, framing: Framing): Uint8Array {
  const { channel, prev, pos, records, reset } = content;
  const [first] = records;
  // Most units have one record.
  const items =
    records.length === 1 && first !== undefined ? encodeRecordHead(first) : records.map(encodeRecordHead).join();
  const mark = reset ? ',"reset":true' : "";
  // Channel names and positions have an alphabet that needs no escaping.
  const head = `{"push":"items","channel":"${channel}","prev":${quote(prev)},"pos":${quote(pos)}${mark},"items":[${items}]}`;
  return frame(head, records, framing);
}

function frame(head: string, records: readonly ChannelRecord[], framing: Framing): Uint8Array {
  let bodies: Uint8Array[] | null = null;
  for (const record of records) {
    if ("data" in record && record.data instanceof Uint8Array) (bodies ??= []).push(record.data);
  }
  return bodies === null ? framing.text(head) : framing.binary(encodeRecord(head, bodies));
}

function encodeRecordHead(record: ChannelRecord): string {
  if (record.kind === "publication") return encodePublication(record);
  if (record.kind === "removal")
    return `{"key":${JSON.stringify(record.key)},"version":${record.version},"removed":true}`;
  const data = payload(record.data);
  if (record.kind === "entry") {
    const { key, version, at, owner } = record;
    return `{"key":${JSON.stringify(key)},"version":${version},"at":${at}${person("owner", owner)}${data}}`;
  }
  const { amend, id, at, publisher } = record;
  return `{"amend":${JSON.stringify(amend)},"id":${JSON.stringify(id)},"at":${at}${person("publisher", publisher)}${data}}`;
}

function encodePublication({ id, at, publisher, tags, meta, expires, version, data }: PublicationRecord): string {
  return (
    `{"id":${JSON.stringify(id)},"at":${at}${person("publisher", publisher)}` +
    (tags === null ? "" : `,"tags":${JSON.stringify(tags)}`) +
    (meta === null ? "" : `,"meta":${JSON.stringify(meta)}`) +
    (expires === 0 ? "" : `,"expires":${expires}`) +
    (version === 1 ? "" : `,"version":${version}`) +
    `${payload(data)}}`
  );
}

function person(field: string, who: Publisher | null): string {
  if (who === null) return "";
  return `,"${field}":{"user":${JSON.stringify(who.user)},"instance":${JSON.stringify(who.instance)}}`;
}

function payload(data: Payload): string {
  if (data === null) return ',"erased":true';
  return typeof data === "string" ? `,"data":${data}` : `,"bytes":${data.byteLength}`;
}

function quote(position: string | null): string {
  return position === null ? "null" : `"${position}"`;
}
