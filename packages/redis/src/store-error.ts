/** Why the store can't be opened. */
export type RedisErrorCode =
  /** The server is older than 7.0. */
  | "too_old"
  /** It may evict what was acknowledged. */
  | "evicts"
  /** Nobody answers at the address. */
  | "unreachable"
  /** The server refuses user and password. */
  | "refused"
  /** The options can't work. */
  | "bad_options";

/** Says why the store can't be opened, and what to do. */
export class RedisError extends Error {
  readonly code: RedisErrorCode;

  constructor(code: RedisErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RedisError";
    this.code = code;
  }
}
