import { CarillonError, describe, jsonProblem } from "@carillon/protocol";
import type { Answer, Failure } from "../backplane/channel-store.ts";
import type { TicketStore } from "../backplane/ticket-store.ts";
import { flatText } from "../core/flat-text.ts";
import type { Limits } from "../core/limits.ts";
import type { Ports } from "../core/ports.ts";
import type { Admission, AdmissionReceipt, Admitted, Credential, Refreshed } from "./admission.ts";
import {
  encodeRecord,
  readResume,
  readTicket,
  type ResumeRecord,
  type TicketRecord,
  type TicketUser,
} from "./credential-records.ts";

/** What a ticket is issued for. */
export interface TicketRequest {
  /** Who its bearer is, as the application's schema returned it. JSON. */
  readonly user: TicketUser;
  /** The only address that the ticket may be used from. Default: any. */
  readonly ip?: string | null;
  /** The only origin that the ticket, and the instance that it begins, may be used from. Default: any allowed one. */
  readonly origin?: string | null;
  /** How long the session may last without a refresh. Default: without end. */
  readonly lifetimeMs?: number | null;
  /** How long the ticket is good for. Default `Limits.ticketTtlMs`; at most `Limits.resumeTtlMs`. */
  readonly ttlMs?: number;
}

/**
 * Tickets and resume credentials: who comes in, and who comes back. Credentials are 128 random bits; the store sees
 * only their hashes. All refusals of a kind are one error with one sentence, so that nobody learns from them which
 * guess was closer. The only clock is the store's, so that nodes with different clocks agree.
 *
 *     ticket ──admit──▶ r₁ ──admit──▶ r₂ ──admit──▶ r₃ …   a ticket is taken from the store as it is used
 *                        └─ good for 60 s more: ─┘
 *                           the reply with r₂ may be lost; void once r₂ is confirmed
 *
 * Each admission gets a term, by which stores tell the later of an instance's sessions: 1 with the ticket, one more with each
 * credential, and one more each time that the same credential is used, which is why the used one remembers it.
 *
 * Whatever a server dies in the middle of, a client holds a credential that is good: the next is stored before the last
 * is cut short, and nothing is taken away to be put back.
 */
export class Tickets implements Admission {
  readonly #store: TicketStore;
  readonly #ports: Pick<Ports, "id" | "digest">;
  readonly #limits: Limits;

  constructor(store: TicketStore, ports: Pick<Ports, "id" | "digest">, limits: Limits) {
    this.#store = store;
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Issues a ticket: `t_` and 22 characters. Errors are `invalid_data`, `too_large` or a store's trouble. */
  issue(request: TicketRequest, done: (result: { readonly ticket: string } | CarillonError) => void): void {
    const problem = this.#requestProblem(request);
    if (problem !== null) return done(problem);
    const { user, ip = null, origin = null, lifetimeMs = null, ttlMs = this.#limits.ticketTtlMs } = request;
    this.#store.revokedAt(user.id, (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const ticket = `${TICKET_PREFIX}${this.#ports.id()}`;
      const record = encodeRecord({ kind: "ticket", user, ip, origin, lifetimeMs, issuedAt: answer.value.now });
      if (record.length > RECORD_CHARS_MAX) {
        return done(
          new CarillonError("too_large", `Expected a user of at most ${RECORD_CHARS_MAX} characters of JSON.`),
        );
      }
      this.#store.put(this.#key(ticket), record, ttlMs, (put) => done(put.ok ? { ticket } : trouble(put)));
    });
  }

  /** Refuses everything that was issued to the user until now; tickets issued from now on are good. */
  revoke(userId: string, done: (result: null | CarillonError) => void): void {
    // Longer than any credential that was stored before now can live; renewals ask for revocations first.
    const ttlMs = Math.max(this.#resumeTtlMs, this.#limits.ticketTtlMs) + REVOCATION_SLACK_MS;
    this.#store.revoke(userId, ttlMs, (answer) => done(answer.ok ? null : trouble(answer)));
  }

  admit(credential: Credential, done: (result: Admitted | CarillonError) => void): void {
    if (credential.ticket !== null) return this.#admitTicket(credential.ticket, credential, done);
    this.#admitResume(credential.resume ?? "", credential, done);
  }

  refresh(receipt: AdmissionReceipt, credential: Credential, done: (result: Refreshed | CarillonError) => void): void {
    const current = readResume(receipt.value);
    this.#takeTicket(credential.ticket ?? "", credential, (taken) => {
      if (taken instanceof CarillonError) return done(taken);
      const { record, now } = taken;
      if (current === null || record.user.id !== current.user.id) return done(ticketRefused());
      const { user, lifetimeMs } = record;
      const endsAt = lifetimeMs === null ? null : now + lifetimeMs;
      const value = encodeRecord({ ...current, user, endsAt, issuedAt: now });
      const refreshed: Refreshed = { user, lifetimeMs, receipt: { ...receipt, value } };
      this.#replace(receipt, value, (answer) => done(answer.ok ? refreshed : trouble(answer)));
    });
  }

  confirmed({ previousKey }: AdmissionReceipt): void {
    if (previousKey !== null) this.#store.take(previousKey, ignore);
  }

  renew(receipt: AdmissionReceipt, revoked: () => void): void {
    const record = readResume(receipt.value);
    if (record === null) return;
    this.#store.revokedAt(record.user.id, (answer) => {
      if (!answer.ok) return;
      if (record.issuedAt > answer.value.revokedAt) return this.#replace(receipt, receipt.value, ignore);
      this.ended(receipt, true);
      revoked();
    });
  }

  ended({ previousKey, nextKey }: AdmissionReceipt, isForGood: boolean): void {
    // Renewals left at least `resumeTtlMs` to a credential. Putting it again would bring back one that was used.
    if (!isForGood) return;
    this.#store.take(nextKey, ignore);
    if (previousKey !== null) this.#store.take(previousKey, ignore);
  }

  /** For how long the next credential is stored: what is left after a quarter, when it is renewed, is `resumeTtlMs`. */
  get #resumeTtlMs(): number {
    return this.#limits.resumeTtlMs * 1.25;
  }

  #admitTicket(ticket: string, from: Credential, done: (result: Admitted | CarillonError) => void): void {
    this.#takeTicket(ticket, from, (taken) => {
      if (taken instanceof CarillonError) return done(taken);
      const { record, now } = taken;
      const { user, origin, lifetimeMs } = record;
      const endsAt = lifetimeMs === null ? null : now + lifetimeMs;
      const instance = flatText(`${INSTANCE_PREFIX}${this.#ports.id()}`);
      const next: ResumeRecord = {
        kind: "resume",
        user,
        instance,
        term: 1,
        origin,
        endsAt,
        issuedAt: now,
        usedAt: null,
      };
      this.#issueResume(next, null, now, done);
    });
  }

  /** Takes a ticket and checks everything about it; it is consumed whatever the result. */
  #takeTicket(
    ticket: string,
    from: Credential,
    done: (taken: { readonly record: TicketRecord; readonly now: number } | CarillonError) => void,
  ): void {
    if (!hasForm(ticket, TICKET_PREFIX)) return done(ticketRefused());
    this.#store.take(this.#key(ticket), (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const record = answer.value === null ? null : readTicket(answer.value);
      if (record === null || !isBoundTo(record.ip, from.remoteAddress) || !isBoundTo(record.origin, from.origin)) {
        return done(ticketRefused());
      }
      this.#store.revokedAt(record.user.id, (revocation) => {
        if (!revocation.ok) return done(trouble(revocation));
        const { revokedAt, now } = revocation.value;
        done(record.issuedAt > revokedAt ? { record, now } : ticketRefused());
      });
    });
  }

  #admitResume(
    resume: string,
    from: Credential,
    done: (result: Admitted | CarillonError) => void,
    triesLeft: number = SWAP_TRIES,
  ): void {
    if (!hasForm(resume, RESUME_PREFIX)) return done(resumeRefused());
    const key = this.#key(resume);
    this.#store.read(key, (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const value = answer.value ?? "";
      const record = readResume(value);
      if (record === null || !isBoundTo(record.origin, from.origin)) return done(resumeRefused());
      this.#store.revokedAt(record.user.id, (revocation) => {
        if (!revocation.ok) return done(trouble(revocation));
        const { revokedAt, now } = revocation.value;
        if (record.issuedAt <= revokedAt || (record.endsAt ?? Infinity) <= now) return done(resumeRefused());
        this.#rotate({ key, value, record }, now, (result) => {
          // Another attempt with it came in between, or confirmed that it has the next.
          if (result !== null) return done(result);
          if (triesLeft === 0) return done(resumeRefused());
          this.#admitResume(resume, from, done, triesLeft - 1);
        });
      });
    });
  }

  /** Issues the next credential, then leaves the used one the rest of its overlap; null: it is not what it was. */
  #rotate(used: Used, now: number, done: (result: Admitted | CarillonError | null) => void): void {
    const { key, value, record } = used;
    const usedAt = record.usedAt ?? now;
    const leftMs = Math.min(usedAt + this.#limits.resumeOverlapMs - now, this.#limits.resumeOverlapMs);
    if (leftMs <= 0) return done(resumeRefused());
    const term = record.term + 1;
    const next: ResumeRecord = { ...record, term, issuedAt: now, usedAt: null };
    this.#issueResume(next, key, now, (issued) => {
      if (issued instanceof CarillonError) return done(issued);
      this.#store.swap(key, value, encodeRecord({ ...record, term, usedAt }), leftMs, (answer) => {
        if (answer.ok && answer.value) return done(issued);
        // Nobody will ever hear of the next.
        this.#store.take(issued.receipt.nextKey, ignore);
        done(answer.ok ? null : trouble(answer));
      });
    });
  }

  #issueResume(
    record: ResumeRecord,
    previousKey: string | null,
    now: number,
    done: (result: Admitted | CarillonError) => void,
  ): void {
    const resume = `${RESUME_PREFIX}${this.#ports.id()}`;
    const nextKey = this.#key(resume);
    const value = encodeRecord(record);
    const { user, instance, term, endsAt } = record;
    this.#store.put(nextKey, value, this.#resumeTtlMs, (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const receipt: AdmissionReceipt = { previousKey, nextKey, value };
      done({ user, instance, term, resume, lifetimeMs: endsAt === null ? null : endsAt - now, now, receipt });
    });
  }

  /**
   * Stores the next credential of a session again. What was used in the meantime, by a client that is already back
   * elsewhere, must not become good again.
   */
  #replace({ nextKey, value: before }: AdmissionReceipt, value: string, done: (answer: Answer<boolean>) => void): void {
    this.#store.swap(nextKey, before, value, this.#resumeTtlMs, done);
  }

  /** Where a credential is stored. */
  #key(credential: string): string {
    return this.#ports.digest(credential);
  }

  #requestProblem({ user, lifetimeMs = null, ttlMs, ip, origin }: TicketRequest): CarillonError | null {
    const problem = jsonProblem(user);
    if (problem !== null) return new CarillonError("invalid_data", `The user of a ticket: ${problem}`);
    if (!isUserId(user.id)) {
      const got = describe(user.id);
      return new CarillonError("invalid_data", `Expected user.id of 1 to ${USER_ID_MAX} characters, got ${got}.`);
    }
    if (lifetimeMs !== null && !(lifetimeMs > 0 && Number.isFinite(lifetimeMs))) {
      return new CarillonError("invalid_data", `Expected a lifetime over 0 ms, got ${describe(lifetimeMs)}.`);
    }
    const ttlMax = Math.max(this.#limits.resumeTtlMs, this.#limits.ticketTtlMs);
    if (ttlMs !== undefined && !(ttlMs > 0 && ttlMs <= ttlMax)) {
      return new CarillonError("invalid_data", `Expected a ttl over 0 and up to ${ttlMax} ms, got ${describe(ttlMs)}.`);
    }
    return (ip ?? null) === "" || (origin ?? null) === ""
      ? new CarillonError("invalid_data", "Expected an ip and an origin that are not empty; leave them out for any.")
      : null;
  }
}

/** A resume credential that is being used: where it is, and what is there. */
interface Used {
  readonly key: string;
  readonly value: string;
  readonly record: ResumeRecord;
}

/** How often a resume is tried again when others use the same credential in the same moment. */
const SWAP_TRIES = 3;
const TICKET_PREFIX = "t_";
const RESUME_PREFIX = "r_";
const INSTANCE_PREFIX = "i_";
/** Most characters of a credential from outside: more than ours have, and little to hash. */
const CREDENTIAL_CHARS_MAX = 256;
/** Most characters of what is stored under a ticket; every resume of the session carries it on. */
const RECORD_CHARS_MAX = 8_192;
/** Most characters of a user's id, which travels with each publication. */
const USER_ID_MAX = 200;
const REVOCATION_SLACK_MS = 60_000;
/** Control characters and lone surrogates have no business in an id that goes to logs and other systems. */
const UNFIT_FOR_ID = /[\p{Cc}\p{Cs}]/u;

const ignore = (): void => {};

function isUserId(id: unknown): boolean {
  return typeof id === "string" && id.length > 0 && id.length <= USER_ID_MAX && !UNFIT_FOR_ID.test(id);
}

function hasForm(credential: string, prefix: string): boolean {
  return credential.length <= CREDENTIAL_CHARS_MAX && credential.startsWith(prefix);
}

function isBoundTo(bound: string | null, actual: string | null): boolean {
  return bound === null || bound === actual;
}

function ticketRefused(): CarillonError {
  return new CarillonError(
    "ticket_refused",
    "Expected a ticket that is fresh, unused and issued for this use; take a new one from the application.",
  );
}

function resumeRefused(): CarillonError {
  return new CarillonError(
    "resume_refused",
    "Expected a resume credential that is fresh and unused; connect with a new ticket.",
  );
}

function trouble({ code, message }: Failure): CarillonError {
  return new CarillonError(code, message);
}
