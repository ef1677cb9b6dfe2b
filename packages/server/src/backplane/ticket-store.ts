import type { Answer } from "./channel-store.ts";

/**
 * Credentials at rest: tickets and resume credentials. Keys are hashes of the credentials, so that a copy of the store
 * opens no door. Times are durations; the store's clock decides.
 */
export interface TicketStore {
  /** Keeps a value for `ttlMs`, replacing what the key had. */
  put(key: string, value: string, ttlMs: number, done: (answer: Answer<null>) => void): void;
  /** Takes a value away, atomically: of any number of concurrent takers, on any node, exactly one gets it. */
  take(key: string, done: (answer: Answer<string | null>) => void): void;
  /** The value that the key has; null: none. */
  read(key: string, done: (answer: Answer<string | null>) => void): void;
  /**
   * Puts `value` for `ttlMs` if the key has `before` at that moment, and answers whether it had; atomically, so that a
   * server that dies in the middle leaves either the one or the other, and what was taken meanwhile stays taken.
   */
  swap(key: string, before: string, value: string, ttlMs: number, done: (answer: Answer<boolean>) => void): void;
  /** Marks everything that was issued to a user until now as refused, for `ttlMs`. Durable where the store is. */
  revoke(user: string, ttlMs: number, done: (answer: Answer<null>) => void): void;
  /** Store time of the user's latest revocation, 0 for none; and the store's time now. */
  revokedAt(user: string, done: (answer: Answer<{ readonly revokedAt: number; readonly now: number }>) => void): void;
}
