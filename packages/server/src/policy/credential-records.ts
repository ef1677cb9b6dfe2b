/**
 * What a store keeps under a credential: JSON that only this file writes and reads. It is checked when it is read all
 * the same: a store is shared by nodes of several versions, and a record of another one must be refused, not believed.
 */

/** A user object, as the application's schema returned it: JSON with an id. */
export interface TicketUser {
  readonly id: string;
}

/** What a ticket stands for. */
export interface TicketRecord {
  readonly kind: "ticket";
  readonly user: TicketUser;
  /** The only address that it is good from; null: any. */
  readonly ip: string | null;
  /** The only origin that it is good from; null: any. */
  readonly origin: string | null;
  /** How long the session may last without a refresh; null: without end. */
  readonly lifetimeMs: number | null;
  /** Store time of the issue. */
  readonly issuedAt: number;
}

/** What a resume credential stands for. */
export interface ResumeRecord {
  readonly kind: "resume";
  readonly user: TicketUser;
  readonly instance: string;
  /** The latest term that a session of the instance has got by this credential, or by those before it. */
  readonly term: number;
  /** The origin that the ticket was bound to. The address is not kept: coming back from another network is what resuming is for. */
  readonly origin: string | null;
  /** Store time at which the session ends; null: no end. */
  readonly endsAt: number | null;
  /** Store time at which the user was last known to be welcome. */
  readonly issuedAt: number;
  /** Store time at which the credential was first used; null: not yet. */
  readonly usedAt: number | null;
}

/** Writes a record. */
export function encodeRecord(record: TicketRecord | ResumeRecord): string {
  if (record.kind === "ticket") return JSON.stringify(record);
  const { user, instance, term, origin, endsAt, issuedAt, usedAt } = record;
  // Each connect writes one: its numbers need no quoting, and to put them together costs half. They are joined and not
  // added, which makes one text of them, and what is null is left out: it is kept for as long as the session and longer.
  return [
    '{"kind":"resume","user":',
    JSON.stringify(user),
    ',"instance":',
    JSON.stringify(instance),
    ',"term":',
    term,
    ',"issuedAt":',
    issuedAt,
    origin === null ? "" : `,"origin":${JSON.stringify(origin)}`,
    endsAt === null ? "" : `,"endsAt":${endsAt}`,
    usedAt === null ? "" : `,"usedAt":${usedAt}`,
    "}",
  ].join("");
}

/** The ticket that a store kept, or null for anything else. */
export function readTicket(value: string): TicketRecord | null {
  const record = parse(value);
  if (record === null || record["kind"] !== "ticket") return null;
  const { user, ip, origin, lifetimeMs, issuedAt } = record;
  if (!isUser(user) || !isTextOrNull(ip) || !isTextOrNull(origin)) return null;
  if (!isNumberOrNull(lifetimeMs) || typeof issuedAt !== "number") return null;
  return { kind: "ticket", user, ip, origin, lifetimeMs, issuedAt };
}

/** The resume credential that a store kept, or null for anything else. */
export function readResume(value: string): ResumeRecord | null {
  const record = parse(value);
  if (record === null || record["kind"] !== "resume") return null;
  const { user, instance, term, origin = null, endsAt = null, issuedAt, usedAt = null } = record;
  if (!isUser(user) || typeof instance !== "string" || typeof term !== "number" || !isTextOrNull(origin)) return null;
  if (!isNumberOrNull(endsAt) || !isNumberOrNull(usedAt) || typeof issuedAt !== "number") return null;
  return { kind: "resume", user, instance, term, origin, endsAt, issuedAt, usedAt };
}

function parse(value: string): Readonly<Record<string, unknown>> | null {
  try {
    const record: unknown = JSON.parse(value);
    return isRecord(record) ? record : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isUser(value: unknown): value is TicketUser {
  return isRecord(value) && typeof value["id"] === "string";
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || typeof value === "number";
}
