import { CarillonError } from "@carillon/protocol";
import type { Answer } from "../../src/backplane/channel-store.ts";
import { MemoryTickets } from "../../src/backplane/memory-tickets.ts";
import type { TicketStore } from "../../src/backplane/ticket-store.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { AdmissionReceipt, Admitted, Credential, Refreshed } from "../../src/policy/admission.ts";
import { Tickets, type TicketRequest } from "../../src/policy/tickets.ts";
import { FakeWorld } from "./fake-world.ts";

/** A store that shows what it was given, and can be told to fail. */
class WatchedStore implements TicketStore {
  readonly seen: string[] = [];
  failing: ReadonlySet<keyof TicketStore> = new Set();
  /** Neither does nor answers this, as a process that has died. */
  silent: keyof TicketStore | null = null;
  /** Runs just before the next `swap`, to come in between. */
  beforeSwap: (() => void) | null = null;
  readonly #store: TicketStore;

  constructor(store: TicketStore) {
    this.#store = store;
  }

  put(key: string, value: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    this.seen.push(key, value);
    if (!this.#fails("put", done)) this.#store.put(key, value, ttlMs, done);
  }

  take(key: string, done: (answer: Answer<string | null>) => void): void {
    this.seen.push(key);
    if (!this.#fails("take", done)) this.#store.take(key, done);
  }

  read(key: string, done: (answer: Answer<string | null>) => void): void {
    this.seen.push(key);
    if (!this.#fails("read", done)) this.#store.read(key, done);
  }

  swap(key: string, before: string, value: string, ttlMs: number, done: (answer: Answer<boolean>) => void): void {
    const interrupt = this.beforeSwap;
    this.beforeSwap = null;
    interrupt?.();
    this.seen.push(key, value);
    if (!this.#fails("swap", done)) this.#store.swap(key, before, value, ttlMs, done);
  }

  revoke(user: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    if (!this.#fails("revoke", done)) this.#store.revoke(user, ttlMs, done);
  }

  revokedAt(user: string, done: (answer: Answer<{ readonly revokedAt: number; readonly now: number }>) => void): void {
    if (!this.#fails("revokedAt", done)) this.#store.revokedAt(user, done);
  }

  #fails(method: keyof TicketStore, done: (answer: Answer<never>) => void): boolean {
    if (this.silent === method) return true;
    if (!this.failing.has(method)) return false;
    done({ ok: false, code: "unavailable", message: "The store can't be reached." });
    return true;
  }
}

/** Where a request comes from unless a test says otherwise. */
const HERE = { remoteAddress: "10.0.0.1", origin: "https://app.example" };

/** Tickets over a memory store, on a clock that a test moves; answers that come within the call are returned. */
export class TicketDesk {
  readonly world = new FakeWorld();
  readonly store = new WatchedStore(new MemoryTickets(this.world, 1_000));
  readonly tickets = new Tickets(this.store, this.world, DEFAULT_LIMITS);

  /** A ticket for Ada, or what the request says. */
  issue(request: Partial<TicketRequest> = {}): string {
    const result = this.tryIssue(request);
    if (result instanceof CarillonError) throw result;
    return result.ticket;
  }

  tryIssue(request: Partial<TicketRequest> = {}): { readonly ticket: string } | CarillonError {
    return now((done) => this.tickets.issue({ user: { id: "ada", name: "Ada" } as { id: string }, ...request }, done));
  }

  admit(credential: Partial<Credential>): Admitted | CarillonError {
    return now((done) => this.tickets.admit({ ticket: null, resume: null, ...HERE, ...credential }, done));
  }

  /** As `admit`, of one who must come in. */
  admitted(credential: Partial<Credential>): Admitted {
    const result = this.admit(credential);
    if (result instanceof CarillonError) throw result;
    return result;
  }

  refresh(receipt: AdmissionReceipt, ticket: string): Refreshed | CarillonError {
    return now((done) => this.tickets.refresh(receipt, { ticket, resume: null, ...HERE }, done));
  }

  /** Calls `renew`, and says whether it found a revocation. */
  renew(receipt: AdmissionReceipt): boolean {
    let isRevoked = false;
    this.tickets.renew(receipt, () => {
      isRevoked = true;
    });
    return isRevoked;
  }

  revoke(user: string): void {
    const result = now<CarillonError | null>((done) => this.tickets.revoke(user, done));
    if (result !== null) throw result;
  }
}

/** The result of something that answers once, within the call. */
export function now<Result>(act: (done: (result: Result) => void) => void): Result {
  const results: Result[] = [];
  act((result) => results.push(result));
  if (results.length !== 1) throw new Error(`Expected one answer within the call, got ${results.length}.`);
  return results[0] as Result;
}

/** The code of an error, or `accepted`. */
export function codeOf(result: unknown): string {
  return result instanceof CarillonError ? result.code : "accepted";
}
