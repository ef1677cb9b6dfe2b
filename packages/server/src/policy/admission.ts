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
  /** The next resume credential. */
  readonly resume: string;
  /** Milliseconds until the session ends unless refreshed; null: no end. */
  readonly lifetimeMs: number | null;
  /** To hand back to {@link Admission}'s `confirmed` and `ended`; opaque to everybody else. */
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

/** Decides who comes in. All answers may come within the call or later, once. */
export interface Admission {
  /** Takes a ticket or resume credential; errors are `ticket_refused`, `resume_refused` or a store's trouble. */
  admit(credential: Credential, done: (result: Admitted | CarillonError) => void): void;
  /** Takes a ticket of the same user and says how much longer the session may last. */
  refresh(userId: string, credential: Credential, done: (result: { readonly lifetimeMs: number | null } | CarillonError) => void): void;
  /** The client has the next credential: the one before is void at once. */
  confirmed(receipt: AdmissionReceipt): void;
  /** The connection ended: the credential's time starts to run. With `isForGood`, it is void. */
  ended(receipt: AdmissionReceipt, isForGood: boolean): void;
}
