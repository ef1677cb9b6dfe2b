import type { CarillonError } from "@carillon/protocol";

/** What `connect` and `refresh` bring, and where from. */
export interface Credential {
  readonly ticket: string | null;
  readonly resume: string | null;
  readonly remoteAddress: string;
  readonly origin: string | null;
}

/** Who came in. */
export interface Admitted {
  /** The user object that the ticket carried, as the application's schema returned it. */
  readonly user: { readonly id: string };
  readonly instance: string;
  /** Which session of the instance this is: 1 with a ticket, more than any before with a resume credential. */
  readonly term: number;
  /** The next resume credential. */
  readonly resume: string;
  /** Milliseconds until the session ends unless refreshed; null: no end. */
  readonly lifetimeMs: number | null;
  /** Store time of the admission: the clock by which the store will judge when a publish was first attempted (P3). */
  readonly now: number;
  /** To hand back to {@link Admission}'s other methods; opaque to everybody else. */
  readonly receipt: AdmissionReceipt;
}

/** Names the stored credentials of one admission. */
export interface AdmissionReceipt {
  /** Store key of the credential that was used, null for a ticket. */
  readonly previousKey: string | null;
  /** Store key of the next credential. */
  readonly nextKey: string;
  /** What is stored under it. */
  readonly value: string;
}

/** What a refresh changed. */
export interface Refreshed {
  /** The user object of the new ticket: the same id, perhaps other claims. */
  readonly user: { readonly id: string };
  /** Milliseconds until the session ends from now; null: no end. */
  readonly lifetimeMs: number | null;
  /** Replaces the receipt that was handed in. */
  readonly receipt: AdmissionReceipt;
}

/** Decides who comes in. All answers may come within the call or later, once. */
export interface Admission {
  /** Takes a ticket or resume credential; errors are `ticket_refused`, `resume_refused` or a store's trouble. */
  admit(credential: Credential, done: (result: Admitted | CarillonError) => void): void;
  /**
   * Takes a ticket of the same user and says how much longer the session may last. The session's next resume
   * credential gets the new end as well, for which the receipt is needed.
   */
  refresh(receipt: AdmissionReceipt, credential: Credential, done: (result: Refreshed | CarillonError) => void): void;
  /** The client has the next credential: the one before is void at once. */
  confirmed(receipt: AdmissionReceipt): void;
  /**
   * The session is alive: its next credential, which is stored for a bounded time so that it survives a `kill -9` of
   * the node, gets its time anew. To be called about every `Limits.resumeTtlMs / 4`, when something was heard from the
   * client, and not more often. Calls `revoked` if the user's access was revoked since the session came in: a node
   * that could not hear the message about it learns of it here.
   */
  renew(receipt: AdmissionReceipt, revoked: () => void): void;
  /** The connection ended. The next credential stays good for `Limits.resumeTtlMs`; with `isForGood`, it is void. */
  ended(receipt: AdmissionReceipt, isForGood: boolean): void;
}
