import type { Contract, PayloadOutput, Position, PresenceOutput, Publisher, SpecOf } from "@carillon/protocol";
import type { HistoryPage } from "../backplane/channel-store.ts";
import type { EntryRecord, Payload, PublicationRecord } from "../backplane/records.ts";

type Pattern<C extends Contract> = keyof C["channels"] & string;

/** A publication as the application reads it. */
export interface Publication<Data = unknown> {
  readonly id: string;
  /** Store time in milliseconds since 1970. */
  readonly at: number;
  /** As it is now, amendments applied; null when it was erased or has expired. */
  readonly data: Data | null;
  /** Null when the application published it. */
  readonly publisher: Publisher | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
}

/** A page of history. */
export interface HistoryView<C extends Contract = Contract, P extends Pattern<C> = Pattern<C>> {
  /** Oldest first. */
  readonly publications: readonly Publication<PayloadOutput<SpecOf<C, P>>>[];
  /** Position before the first: `before` for the next page. */
  readonly prev: Position;
  readonly pos: Position;
  /** True: there are older ones. */
  readonly more: boolean;
}

/** An entry of a state channel. */
export interface EntryView<C extends Contract = Contract, P extends Pattern<C> = Pattern<C>> {
  readonly key: string;
  readonly value: PayloadOutput<SpecOf<C, P>>;
  readonly version: number;
  readonly at: number;
  readonly owner: Publisher | null;
}

/** A member of a channel: one instance of a user. */
export interface MemberView<C extends Contract = Contract, P extends Pattern<C> = Pattern<C>> extends Publisher {
  readonly info: PresenceOutput<SpecOf<C, P>>;
}

/** A page as the application reads it. */
export function historyView({ prev, pos, more, records }: HistoryPage): HistoryView {
  return { publications: records.map(publicationView), prev, pos, more };
}

/** An entry as the application reads it. */
export function entryView({ key, data, version, at, owner }: EntryRecord): EntryView {
  return { key, value: valueOf(data), version, at, owner };
}

function publicationView({ id, at, data, publisher, tags, meta }: PublicationRecord): Publication {
  return { id, at, data: valueOf(data), publisher, tags: tags ?? {}, meta: meta ?? {} };
}

function valueOf(data: Payload): unknown {
  return typeof data === "string" ? JSON.parse(data) : data;
}
