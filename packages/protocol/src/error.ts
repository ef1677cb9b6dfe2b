import { RETRYABLE_CODES, type ErrorCode } from "./codes.ts";
import type { WireError } from "./messages.ts";

/** Settings of a {@link CarillonError} beside its code and message. */
export interface CarillonErrorOptions {
  /** The same command may succeed later, unchanged. Default: what the table of codes says; false for other codes. */
  readonly retry?: boolean;
  /** The earliest time for that, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** `conflict` alone: the version that the entry has. */
  readonly version?: number;
  readonly cause?: unknown;
}

/**
 * The error of both ends. `code` is stable: one of {@link ErrorCode}, or an application's own, which contains a dot
 * (`room.taken`) so that the two can't meet. The message says what was expected, what came, and what to do.
 */
export class CarillonError extends Error {
  override readonly name: string = "CarillonError";
  readonly code: string;
  readonly retry: boolean;
  readonly retryAfterMs: number | undefined;
  readonly version: number | undefined;

  constructor(code: ErrorCode | `${string}.${string}`, message: string, options: CarillonErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retry = options.retry ?? RETRYABLE_CODES.includes(code);
    this.retryAfterMs = options.retryAfterMs;
    this.version = options.version;
  }
}

/** An error as a reply carries it: without stack and cause, which are nobody else's business. A function, since clients send none. */
export function wireError({ code, message, retry, retryAfterMs, version }: CarillonError): WireError {
  return {
    code,
    message,
    retry,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(version === undefined ? {} : { version }),
  };
}
