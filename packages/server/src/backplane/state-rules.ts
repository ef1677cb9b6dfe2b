import type { Publisher } from "@carillon/protocol";
import { isLaterSession } from "../core/holder.ts";
import type { ApplyRequest, Failure } from "./channel-store.ts";
import type { Payload } from "./records.ts";

/** A change of one entry. */
export type EntryChange = Exclude<ApplyRequest["change"], { op: "release" }>;
/** A change that sets an entry. */
export type SetChange = Extract<EntryChange, { op: "set" }>;

/** What the rules need to know of the entry that a change is about. */
export interface HeldEntry {
  readonly version: number;
  readonly data: Payload;
  readonly owner: Publisher | null;
}

/** How an entry ended, as far as the rules go. */
export interface EndedEntry {
  readonly version: number;
  /** The last session that had to do with it; null: none. */
  readonly holder: string | null;
  /** It was ended for the silence of a node, and not by anybody. */
  readonly isReaped: boolean;
}

/**
 * The holder that a removal leaves with its key, for those who come too late: who asked for it, or who held what ended by
 * itself, by a release, or by the application.
 */
export function holderAfter(remover: string | null, held: string | null): string | null {
  return remover ?? held;
}

/**
 * Why a change is refused, null if it isn't: session, then version, then owner, then room. The same in every store.
 * `lastHolder`: of the entry, or of the removal of the key, if the store knows of one.
 */
export function refuseChange(
  change: EntryChange,
  held: HeldEntry | null,
  lastHolder: string | null,
  entries: number,
  entriesMax: number,
): Failure | null {
  // What a session asked for on a node that was cut off or stood still lands behind what its instance did since elsewhere.
  if (isLaterSession(lastHolder, change.holder)) {
    return {
      ok: false,
      code: "replaced",
      message: "Expected the latest session of the instance, a later one has changed the entry.",
    };
  }
  const version = held?.version ?? 0;
  if (change.expect !== null && change.expect !== version) {
    return {
      ok: false,
      code: "conflict",
      version,
      message: `Expected version ${change.expect} of the entry, it has ${version}.`,
    };
  }
  const owner = held?.owner?.instance ?? null;
  const asker = change.op === "remove" ? change.onlyBy : change.ownOnly ? (change.owner?.instance ?? "") : null;
  if (asker !== null && held !== null && owner !== asker) {
    return {
      ok: false,
      code: "not_owner",
      message: "Expected an entry of your own, this one belongs to another instance.",
    };
  }
  if (change.op === "set" && held === null && entries >= entriesMax) {
    return {
      ok: false,
      code: "too_large",
      message: `Expected at most ${entriesMax} entries in a state channel.`,
    };
  }
  return null;
}

/**
 * Why an entry is not set again for an owner whose node was silent; null if it is. An entry that an earlier session of the
 * instance holds is in a store that went back, and is taken over; and what such a session's end has ended there, without the
 * later one, is set again. `end`: how the last entry of the key ended, as far as the store knows; null: it has one, or nothing is known.
 */
export function refuseRestoration(
  { restores, owner, holder }: SetChange,
  held: (Pick<HeldEntry, "owner" | "version"> & { readonly holder: string | null }) | null,
  end: EndedEntry | null,
): Failure | null {
  if (restores === undefined) return null;
  const isOwn =
    held === null
      ? end === null || end.isReaped || end.version <= restores || isLaterSession(holder, end.holder)
      : held.owner?.instance === owner?.instance && (held.holder === holder || isLaterSession(holder, held.holder));
  if (isOwn) return null;
  const message = "Expected an entry that nobody has ended or taken over meanwhile.";
  return { ok: false, code: "conflict", version: held?.version ?? 0, message };
}

/**
 * True when an owner sets what its entry has already: nobody is told, but the entry gets the new holder and lives on
 * for its whole TTL. That is how a mark of presence or typing is kept alive without a change for every reader.
 */
export function isRefresh(change: SetChange, held: HeldEntry): boolean {
  return change.owner !== null && held.owner?.instance === change.owner.instance && samePayload(change.data, held.data);
}

function samePayload(a: Payload, b: Payload): boolean {
  if (a === null || b === null || typeof a === "string" || typeof b === "string") return a === b;
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
